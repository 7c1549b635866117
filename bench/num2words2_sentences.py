"""Sentences said by num2words2, the fastest peer that takes sentences: the peer of normalizers.py.

Run by the peer's own Python: `python -P num2words2_sentences.py LANG < SENTENCES`; prints megabytes a CPU
second and how many sentences it failed on.
"""

import sys
import time

from num2words2 import num2words_sentence


def main(lang: str) -> None:
    """One pass over the lines of standard input."""
    lines = sys.stdin.read().splitlines()
    failed = 0
    start = time.process_time()
    for line in lines:
        try:
            num2words_sentence(line, lang=lang)
        except Exception:  # some sentences it cannot say; a corpus job would have to go on
            failed += 1
    seconds = time.process_time() - start
    print(sum(len(line.encode()) for line in lines) / 1e6 / seconds, failed)


if __name__ == "__main__":
    main(sys.argv[1])
