"""PyPI's `decontaminate` (a binding of a fork of AI2's decon), run by the Python that has it.

python decon_detect.py TRAINING_DIR EVALS_DIR REPORT_DIR THRESHOLD questions|all
"""

import sys

import decon


def main() -> None:
    training, evals, report, threshold, what = sys.argv[1:]
    config = decon.Config(training_dir=training, evals_dir=evals, report_output_dir=report)
    config.contamination_score_threshold = float(threshold)
    config.index_answers = what == "all"
    config.worker_threads = 2
    decon.detect(config)


if __name__ == "__main__":
    main()
