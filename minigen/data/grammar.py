r"""English-like text from a grammar whose every probability is known.

Idea: a sentence is derived by rules, each chosen with its probability,

    S -> NP (PP) VP .        NP -> Det (Adj) N        PP -> Prep NP
    VP -> Vi (Adv) | Vt NP   a part in brackets is there with the probability in CHANCES

The subject's number, one or many, decides its determiner and noun and also the verb, however many
words stand between them. All nouns of a document are of its topic. A sentence can be derived in
one way only, so its probability is that of its derivation, and the entropy of the text, the least
loss that any language model can have, is a sum over the rules.
Invariant: sentence i depends on the seed, i and its document's topic.
Source: Booth & Thompson, Applying probability measures to abstract languages, IEEE Trans. 1973.
Read next: sentences.py, capitals.py (other texts), factors.py.
"""

from dataclasses import dataclass

import numpy as np

from minigen.data.factors import check_count, pick, settle, streams

TOPICS = {
    "animals": ("cat", "dog", "horse", "bird", "bear", "goat"),
    "kitchen": ("spoon", "cup", "plate", "pan", "kettle", "bowl"),
    "sea": ("boat", "sailor", "wave", "shark", "reef", "harbour"),
    "school": ("teacher", "pupil", "book", "lesson", "desk", "pencil"),
    "city": ("street", "tower", "train", "shop", "bridge", "market"),
    "garden": ("flower", "tree", "bee", "rose", "seed", "hedge"),
    "music": ("song", "drum", "violin", "singer", "concert", "piano"),
    "space": ("star", "planet", "rocket", "comet", "moon", "crater"),
}
DETERMINERS = (("a", "the", "this", "every"), ("some", "the", "these", "many"))     # one, many
ADJECTIVES = (
    "small", "big", "pale", "new", "red", "green", "blue", "quiet", "loud", "bright", "dark",
    "plain", "strange", "simple", "heavy", "light", "young", "clean", "round", "warm", "cold",
    "quick", "slow", "tall",
)
TRANSITIVE = (
    "see", "hear", "like", "follow", "help", "want", "find", "move", "hold", "draw", "keep", "know",
)
INTRANSITIVE = ("sleep", "sing", "wait", "fall", "shine", "turn", "stop", "grow", "rest", "glow")
ADVERBS = ("often", "never", "slowly", "quickly", "here", "today", "again", "alone")
PREPOSITIONS = ("near", "behind", "beside", "above")
CHANCES = {"many": 0.5, "adjective": 0.4, "PP": 0.25, "transitive": 0.6, "adverb": 0.4}
DRAWS = 21              # numbers that a sentence takes
WORDS = tuple(sorted({
    *(noun + end for nouns in TOPICS.values() for noun in nouns for end in ("", "s")),
    *(verb + end for verb in TRANSITIVE + INTRANSITIVE for end in ("", "s")),
    *DETERMINERS[0], *DETERMINERS[1], *ADJECTIVES, *ADVERBS, *PREPOSITIONS, ".",
}))


@dataclass(frozen=True)
class Text:
    """Documents of sentences; a sentence is words with single spaces between them."""

    documents: tuple        # of tuples of sentences
    topics: np.ndarray      # (documents,) int64, index into TOPICS: 0, 1, ..., 7, 0, ...

    @property
    def sentences(self):
        """All sentences, in order."""
        return tuple(sentence for document in self.documents for sentence in document)

    def __str__(self):
        """A sentence a line, documents with an empty line between them: BERT's format."""
        return "\n\n".join("\n".join(document) for document in self.documents) + "\n"


@dataclass(frozen=True)
class Characters:
    """A text as numbers: codes[i] is the index of text[i] in symbols."""

    text: str
    symbols: str            # the different characters, sorted
    codes: np.ndarray       # (n,) int64


def grammar_text(n=30_000, seed=0, *, per_document=5, **factors):
    """n sentences in documents of `per_document`, as `Text`.

    factors: topics, one index for all documents or one each. Same arguments, same text.
    """
    if per_document < 1:
        raise ValueError(f"grammar_text: per_document is {per_document}; it must be 1 or more")
    (latent,) = streams("grammar_text", n, seed, 1)
    drawn = {"topics": np.arange(-(-n // per_document)) % len(TOPICS)}
    topics = settle("grammar_text", drawn, factors, {"topics": (0, len(TOPICS) - 1)})["topics"]
    nouns = list(TOPICS.values())
    said = [
        " ".join(_sentence(iter(numbers), nouns[topics[i // per_document]]))
        for i, numbers in enumerate(latent.random((n, DRAWS)).tolist())
    ]
    cuts = range(0, n, per_document)
    return Text(tuple(tuple(said[i : i + per_document]) for i in cuts), topics)


def char_corpus(n=300_000, seed=0):
    """The first n characters of `grammar_text`, a sentence a line, as `Characters`."""
    check_count("char_corpus", n, seed)
    shortest = len("a cat sits .\n")
    text = str(grammar_text(-(-n // shortest), seed))[:n]
    symbols = "".join(sorted(set(text)))
    return Characters(text, symbols, np.array([symbols.index(one) for one in text], np.int64))


def log_probability(sentence):
    """ln p(sentence | its topic), -inf if the grammar does not derive it. Words, or a string."""
    words = sentence.split() if isinstance(sentence, str) else list(sentence)
    best = -np.inf
    for nouns in TOPICS.values():       # one topic at most has the sentence's nouns
        try:
            best = max(best, _Reader(words, nouns).sentence())
        except _Underivable:
            continue
    return best


def entropy_rate(per_document=5):
    """Entropy of a document in nats a word, full stops included: the least loss of any model.

    (ln 8 / per_document + H(sentence | topic)) / E[words]; the topic is told by the first noun.
    """

    def coin(name):
        p = CHANCES[name]
        return -p * np.log(p) - (1 - p) * np.log(1 - p)

    def among(options):
        return np.log(len(options))

    adjective, pp, transitive, adverb = (
        CHANCES[name] for name in ("adjective", "PP", "transitive", "adverb")
    )
    phrase = coin("many") + among(DETERMINERS[0]) + among(TOPICS["sea"])
    phrase += coin("adjective") + adjective * among(ADJECTIVES)
    entropy = phrase + coin("PP") + pp * (among(PREPOSITIONS) + phrase) + coin("transitive")
    entropy += transitive * (among(TRANSITIVE) + phrase)
    entropy += (1 - transitive) * (among(INTRANSITIVE) + coin("adverb") + adverb * among(ADVERBS))
    length = 2 + adjective                                          # of a phrase
    words = length + pp * (1 + length) + 1 + transitive * length + (1 - transitive) * adverb + 1
    return float((np.log(len(TOPICS)) / per_document + entropy) / words)


def _phrase(numbers, nouns):
    """Det (Adj) N, and whether it is many.   Takes five numbers."""
    many = next(numbers) < CHANCES["many"]
    determiner, has, adjective, noun = (next(numbers) for _ in range(4))
    words = [pick(determiner, DETERMINERS[many])]
    if has < CHANCES["adjective"]:
        words.append(pick(adjective, ADJECTIVES))
    return [*words, pick(noun, nouns) + "s" * many], many


def _sentence(numbers, nouns):
    """NP (PP) VP .   Takes DRAWS numbers at most; no part's depend on whether another is there."""
    subject, many = _phrase(numbers, nouns)
    has, preposition = next(numbers), next(numbers)
    beside, _ = _phrase(numbers, nouns)
    if has < CHANCES["PP"]:
        subject += [pick(preposition, PREPOSITIONS), *beside]
    kind, verb = next(numbers), next(numbers)
    if kind < CHANCES["transitive"]:
        rest, _ = _phrase(numbers, nouns)
        verb = pick(verb, TRANSITIVE)
    else:
        rest = [pick(next(numbers), ADVERBS)] if next(numbers) < CHANCES["adverb"] else []
        verb = pick(verb, INTRANSITIVE)
    return [*subject, verb if many else verb + "s", *rest, "."]


class _Underivable(Exception):
    """The words are not a sentence of the grammar."""


class _Reader:
    """Reads words by the rules and adds up the logarithms of their probabilities."""

    def __init__(self, words, nouns):
        # whatever is missing reads as an empty word, which no rule takes
        self.words, self.nouns, self.at, self.total = [*words, "", "", ""], nouns, 0, 0.0

    def sentence(self):
        """The logarithm of the sentence's probability; raises _Underivable."""
        many = self.phrase()
        if self.chance("PP", self.word() in PREPOSITIONS):
            self.take(PREPOSITIONS)
            self.phrase()
        end = "" if many else "s"
        transitive = [verb + end for verb in TRANSITIVE]
        if self.chance("transitive", self.word() in transitive):
            self.take(transitive)
            self.phrase()
        else:
            self.take([verb + end for verb in INTRANSITIVE])
            if self.chance("adverb", self.word() in ADVERBS):
                self.take(ADVERBS)
        self.take(["."])
        if self.word():
            raise _Underivable
        return self.total

    def phrase(self):
        """Det (Adj) N; whether it is many: the noun tells, since "the" can be either."""
        adjective = self.word(1) in ADJECTIVES
        many = self.word(1 + adjective) in [noun + "s" for noun in self.nouns]
        self.chance("many", many)
        self.take(DETERMINERS[many])
        if self.chance("adjective", adjective):
            self.take(ADJECTIVES)
        self.take([noun + "s" * many for noun in self.nouns])
        return many

    def word(self, ahead=0):
        """The next word, or one further ahead."""
        return self.words[self.at + ahead]

    def chance(self, name, happens):
        """Counts a choice of two, and says which it was."""
        self.total += np.log(CHANCES[name] if happens else 1 - CHANCES[name])
        return happens

    def take(self, options):
        """Counts the next word as one of equally likely options, and passes it."""
        if self.word() not in options:
            raise _Underivable
        self.total -= np.log(len(options))
        self.at += 1
