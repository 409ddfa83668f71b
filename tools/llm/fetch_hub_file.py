"""A program of its own: fetch one file of a model from the Hugging Face Hub into a folder.

    python fetch_hub_file.py REPO FILE REVISION FOLDER

First one line of JSON with what the Hub states (`sha256`, `size`, `commit`), then, when the file is
complete, one with its `path`. A process, so that the one who waits can end it at any time and sees
its progress as the folder's size.
"""

import json
import sys

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

SECONDS_TO_CONNECT = 8.0


def main() -> None:
    """Fetch what the arguments name; any error ends the program with the error's message."""
    repo, file, revision, folder = sys.argv[1:]
    try:
        stated = get_hf_file_metadata(
            hf_hub_url(repo, file, revision=revision), timeout=SECONDS_TO_CONNECT
        )
        if len(stated.etag or "") != 64:  # a small file, or not the Hub: nothing to check it by
            sys.exit("it states no SHA-256 for the file")
        _say({"sha256": stated.etag, "size": stated.size, "commit": stated.commit_hash})
        path = hf_hub_download(
            repo,
            file,
            revision=stated.commit_hash,
            local_dir=folder,
            etag_timeout=SECONDS_TO_CONNECT,
        )
    except Exception as error:  # noqa: BLE001 - the libraries below raise their own kinds
        lines = str(error).strip().splitlines()
        sys.exit(lines[-1] if lines else type(error).__name__)
    _say({"path": path})


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
