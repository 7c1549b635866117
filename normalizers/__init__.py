"""What the project knows about languages: words, sentences and the spoken form of written text."""

from normalizers.languages import Language, UnknownLanguageError, language, languages
from normalizers.sentences import sentence_ends, sentences
from normalizers.spoken import to_spoken, to_spoken_text
from normalizers.words import units_per_word, word_counts, word_units

__all__ = [
    "Language",
    "UnknownLanguageError",
    "language",
    "languages",
    "sentence_ends",
    "sentences",
    "to_spoken",
    "to_spoken_text",
    "units_per_word",
    "word_counts",
    "word_units",
]
