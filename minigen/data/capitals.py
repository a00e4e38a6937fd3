"""Sentences about countries and their capitals, in which word vectors find the analogy.

Idea: a country and its capital share words that no other pair uses (a language, a river, a dish),
equally often; all capitals share words (mayor, streets), all countries others (border, president).
So of what a skip-gram model learns, one part tells the pair, the other the type:

    v(capital i) ≈ e_i + c        v(country i) ≈ e_i + k        v(paris) - v(france) ≈ c - k

A tenth of a pair's words are said of any place: without these exceptions the pair outweighs the
type, and a country's nearest word is its capital instead of another country. Distractors, sentences
of neither, keep the other words from meaning either.
Invariant: sentence i depends on the seed and i.
Source: the test is that of Mikolov et al., Efficient estimation of word representations in vector
space, ICLR workshop 2013.
Read next: grammar.py, a richer text.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import pick, streams

# country: its capital, and five words of theirs: language, currency, river or sea, dish, art
PAIRS = {
    "france": ("paris", "french", "francs", "seine", "baguette", "cancan"),
    "italy": ("rome", "italian", "lire", "tiber", "pasta", "opera"),
    "spain": ("madrid", "spanish", "pesetas", "ebro", "paella", "flamenco"),
    "germany": ("berlin", "german", "marks", "spree", "sausage", "techno"),
    "japan": ("tokyo", "japanese", "yen", "sumida", "sushi", "kabuki"),
    "china": ("beijing", "chinese", "yuan", "yangtze", "noodles", "silk"),
    "russia": ("moscow", "russian", "roubles", "volga", "borscht", "ballet"),
    "poland": ("warsaw", "polish", "zloty", "vistula", "pierogi", "polka"),
    "greece": ("athens", "greek", "drachmas", "aegean", "feta", "tragedy"),
    "egypt": ("cairo", "arabic", "pounds", "nile", "falafel", "papyrus"),
    "sweden": ("stockholm", "swedish", "kronor", "baltic", "herring", "pop"),
    "portugal": ("lisbon", "portuguese", "escudos", "tagus", "cod", "fado"),
}
CITY = ("city", "mayor", "streets", "metro", "museum", "suburbs")
NATION = ("nation", "president", "border", "army", "farmland", "provinces")
FILLERS = ("the", "of", "in", "and", "a", "with", "its", "near")
OTHERS = ("market", "people", "morning", "music", "bread", "weather", "friends", "stories")
TEMPLATES = (       # 0 the place, 1 and 2 words of its type, 3 a word of the pair, 4 any other
    "the {1} of {0} with {3} and {2}",
    "{3} in {0} near the {1}",
    "the {1} and {2} of {0}",
    "a {1} in {0} with {2} and {4}",
    "the {4} of {0} near its {1}",
)
DISTRACTORS = ("the {0} and {1} of the {2}", "a {0} with {1} in the {2}")
STRAY = 0.1             # of the words of a pair that are said of any place
EVERY = 5               # one sentence in so many is a distractor


@dataclass(frozen=True)
class Capitals:
    """Sentences, and the pairs that they are about."""

    sentences: tuple        # of strings
    pairs: tuple            # of (country, capital)
    place: np.ndarray       # (sentences,) int64: pair 0 to 11 as country, 12 to 23 as capital,
                            # -1 in a distractor


def capitals(n=50_000, seed=0):
    """Sentences of n words in all, or a few more, as `Capitals`. Same arguments, same text."""
    (latent,) = streams("capitals", n, seed, 1)
    most = n // 4 + 1                                               # a sentence has 4 words or more
    sentences, place, words = [], [], 0
    for i, unit in enumerate(latent.random((most, 7)).tolist()):
        if words >= n:
            break
        where = -1 if i % EVERY == EVERY - 1 else (i - i // EVERY) % (2 * len(PAIRS))
        sentences.append(_distractor(unit) if where < 0 else _sentence(unit, where))
        place.append(where)
        words += len(sentences[-1].split())
    pairs = tuple((country, about[0]) for country, about in PAIRS.items())
    return Capitals(tuple(sentences), pairs, np.array(place))


def _sentence(unit, where):
    """A sentence on a country, number 0 to 11, or on a capital, 12 to 23."""
    is_capital, pair = divmod(where, len(PAIRS))
    country, (capital, *own) = list(PAIRS.items())[pair]
    if unit[5] < STRAY:
        own = pick(unit[6], list(PAIRS.values()))[1:]
    return pick(unit[0], TEMPLATES).format(
        capital if is_capital else country,
        *_two(unit[1:3], CITY if is_capital else NATION),
        pick(unit[3], own),
        pick(unit[4], OTHERS),
    )


def _distractor(unit):
    return pick(unit[0], DISTRACTORS).format(*_two(unit[1:3], OTHERS), pick(unit[3], OTHERS))


def _two(numbers, options):
    """Two different ones."""
    first = int(numbers[0] * len(options))
    step = 1 + int(numbers[1] * (len(options) - 1))
    return options[first], options[(first + step) % len(options)]
