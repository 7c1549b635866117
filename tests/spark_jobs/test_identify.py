import pyarrow as pa
import pytest

from spark_jobs.identify import IDENTIFIED, language_of

SENTENCES = {
    "ar": "سافرنا إلى القرية في الصباح الباكر وعدنا قبل الغروب.",
    "de": "Am frühen Morgen sind wir ins Dorf gefahren und abends zurückgekommen.",
    "en": "We went to the village early in the morning and came back before sunset.",
    "es": "Fuimos al pueblo por la mañana temprano y volvimos antes de la puesta del sol.",
    "fr": "Nous sommes allés au village tôt le matin et nous sommes rentrés avant la nuit.",
    "hi": "हम सुबह जल्दी गाँव गए और सूरज डूबने से पहले लौट आए।",
    "it": "Siamo andati al villaggio la mattina presto e siamo tornati prima del tramonto.",
    "ja": "私たちは朝早く村へ行き、日が暮れる前に帰ってきました。",
    "mr": "आम्ही सकाळी लवकर गावाला गेलो आणि सूर्यास्तापूर्वी परत आलो.",
    "pt": "Fomos à aldeia de manhã cedo e voltámos antes do pôr do sol.",
    "ta": "நாங்கள் அதிகாலையில் கிராமத்திற்குச் சென்று மாலைக்குள் திரும்பினோம்.",
    "te": "మేము ఉదయాన్నే గ్రామానికి వెళ్లి సాయంత్రానికి తిరిగి వచ్చాము.",
}


def test_a_sentence_of_each_language_is_recognised_among_all():
    found = language_of(pa.array(list(SENTENCES.values())), sorted(SENTENCES)).to_pylist()
    assert [row["lang"] for row in found] == list(SENTENCES)
    assert all(row["probability"] > 0.5 for row in found)


def test_only_the_languages_asked_about_are_answered():
    (row,) = language_of(pa.array([SENTENCES["it"]]), ["es", "de"]).to_pylist()
    assert row["lang"] == "es"


def test_null_stays_null_and_a_text_without_letters_is_as_like_one_language_as_another():
    column = pa.chunked_array([[None, ""], ["123"]], pa.string())
    missing, empty, digits = language_of(column, ["en", "ja"]).to_pylist()
    assert missing is None
    assert empty["probability"] == pytest.approx(0.5)
    assert digits["lang"] in ("en", "ja")


def test_no_texts_give_no_answers_of_the_same_type():
    assert language_of(pa.array([], pa.string()), ["en", "de"]).type == IDENTIFIED
