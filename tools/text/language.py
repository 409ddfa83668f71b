"""Whether prose is English: by its letters, and by the little words that every sentence needs."""

import re
import unicodedata
from collections import Counter

_LETTERS = re.compile(r"[^\W\d_]+")
_NON_LATIN = 0.3  # share of letters; a symbol or a foreign word in English prose stays below
_FOREIGN_WORDS = 3
_ENOUGH_WORDS = 20
_ENGLISH_SHARE = 0.04  # English prose has about 0.4; a bare list of names or formulas has some

_ENGLISH = """
the a an of to and in is that for it as with be on by this if are from at or which not has each
return returns given write function should you your all its can will where when than then into no
only any must between have does list number string
"""
_ENGLISH_WORDS = frozenset(_ENGLISH.split())
_FOREIGN = {
    "Spanish": "el la los las una que del para por con como función escribe devuelve lista entero"
    " cadena números y es un dado número debe si",
    "French": "le la les une des est dans pour avec qui que fonction écrire écrivez renvoie liste"
    " entier chaîne nombre et un du doit sur ou si",
    "German": "der das und ist ein eine einer den dem mit für von zu die nicht schreibe funktion"
    " gibt zurück liste zahl zeichenkette wenn soll",
    "Portuguese": "o os uma que do da para por com como função escreva retorna lista inteiro um não"
    " número números em deve se",
    "Italian": "il lo gli una che del della per con come funzione scrivi restituisce lista intero"
    " numero di un è deve se",
    "Dutch": "het een van en dat met voor niet schrijf functie geeft lijst getal de als moet",
    "Polish": "i w z na że jest do nie się dla funkcję napisz zwraca listę liczb która która jako",
    "Turkish": "ve bir bu için ile olan fonksiyon yazın döndüren liste sayı verilen",  # noqa: RUF001
    "Vietnamese": "một và của là cho các hàm viết trả về danh sách số với có",
    "Indonesian": "dan yang di untuk dengan dari fungsi tulis sebuah mengembalikan daftar bilangan",
}
_FOREIGN_SETS = {language: frozenset(words.split()) for language, words in _FOREIGN.items()}


def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith(("LATIN", "GREEK", "MICRO"))


def not_english(prose: str) -> str | None:
    """What shows that `prose` is not English; None when it is or is too short."""
    words = _LETTERS.findall(prose)
    letters = "".join(words)
    if not letters:
        return None
    if not letters.isascii():
        foreign = [letter for letter in letters if not _is_latin(letter)]
        if len(foreign) > _NON_LATIN * len(letters):
            return "".join(foreign)[:60]
    counts = Counter(word.lower() for word in words)
    english = sum(counts[word] for word in _ENGLISH_WORDS)
    for language, known in _FOREIGN_SETS.items():
        found = {word for word in counts if word in known}
        total = sum(counts[word] for word in found)
        if len(found) >= _FOREIGN_WORDS and total > 2 * english:
            return f"{language}: {' '.join(sorted(found))}"
    if len(words) >= _ENOUGH_WORDS and english < _ENGLISH_SHARE * len(words):
        return f"{english} of {len(words)} words are common in English"
    return None
