"""Sentences with a meaning that can be computed: feelings, and instructions with their answers.

Idea: a model that has learnt a language is taught a task with few examples. Here the right answer
is a rule on the words, so that what it learnt is measured exactly.

    score = words of POSITIVE - words of NEGATIVE          label = 1 where score > 0, else 0

A score is never 0. Sentence or pair i depends on the seed, i and what is given.
Read next: grammar.py, whose nouns these use.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from minigen.data.factors import pick, settle, streams
from minigen.data.grammar import TOPICS

POSITIVE = ("happy", "lovely", "gentle", "brilliant", "kind", "sweet", "gladly", "kindly")
NEGATIVE = ("sad", "ugly", "cruel", "awful", "nasty", "bitter", "badly", "rudely")
NEUTRAL = ("small", "big", "red", "green", "round", "tall", "slowly", "often")
VERBS = ("sees", "hears", "follows", "helps", "finds", "holds", "draws", "knows")
NOUNS = tuple(noun for nouns in TOPICS.values() for noun in nouns)
TASKS = ("reverse", "count", "uppercase", "happy")
# the feeling of each of three places in a sentence, by the label that they add up to
FEELINGS = tuple(
    [three for three in itertools.product((-1, 0, 1), repeat=3) if sum(three) * sign > 0]
    for sign in (-1, 1)
)


@dataclass(frozen=True)
class Sentiment:
    """n sentences, and how they feel."""

    sentences: tuple        # n strings, "the happy dog sees the big boat often ."
    labels: np.ndarray      # (n,) int64: 0 negative, 1 positive, in turn
    scores: np.ndarray      # (n,) int64: -3 to 3, not 0


@dataclass(frozen=True)
class Instructions:
    """n requests, and what to answer."""

    prompts: tuple          # n strings
    answers: tuple          # n strings
    tasks: np.ndarray       # (n,) int64, index into TASKS: 0, 1, 2, 3, 0, ...


def sentiment(n=5000, seed=0, **factors):
    """n sentences with words of feeling, as `Sentiment`. factors: labels, one or one each."""
    (latent,) = streams("sentiment", n, seed, 1)
    drawn = {"labels": np.arange(n) % 2}
    labels = settle("sentiment", drawn, factors, {"labels": (0, 1)})["labels"]
    sentences, scores = [], np.zeros(n, np.int64)
    for i, unit in enumerate(latent.random((n, 7)).tolist()):
        feeling = pick(unit[0], FEELINGS[labels[i]])
        # places 0 and 1 take adjectives, the first six of a list, place 2 an adverb
        first, second, last = (
            pick(number, (NEUTRAL, POSITIVE, NEGATIVE)[sign][part])
            for number, sign, part in zip(
                unit[1:4], feeling, (slice(6), slice(6), slice(6, None)), strict=True
            )
        )
        subject, thing, verb = pick(unit[4], NOUNS), pick(unit[5], NOUNS), pick(unit[6], VERBS)
        sentences.append(f"the {first} {subject} {verb} the {second} {thing} {last} .")
        scores[i] = sum(feeling)
    return Sentiment(tuple(sentences), labels, scores)


def score(text):
    """Words of POSITIVE minus words of NEGATIVE: the hidden score of a reward."""
    words = text.split()
    return sum(word in POSITIVE for word in words) - sum(word in NEGATIVE for word in words)


def instructions(n=4000, seed=0, **factors):
    """n prompts with their answers, four tasks in turn, as `Instructions`. factors: tasks."""
    (latent,) = streams("instructions", n, seed, 1)
    drawn = {"tasks": np.arange(n) % len(TASKS)}
    tasks = settle("instructions", drawn, factors, {"tasks": (0, len(TASKS) - 1)})["tasks"]
    words = [pick(number, NOUNS) for number in latent.random(n).tolist()]
    pairs = [_instruction(TASKS[task], word) for task, word in zip(tasks, words, strict=True)]
    prompts, answers = zip(*pairs, strict=True)
    return Instructions(prompts, answers, tasks)


def _instruction(task, word):
    """A prompt and the answer to it."""
    return {
        "reverse": (f"reverse the word {word}", word[::-1]),
        "count": (f"count the letters of {word}", str(len(word))),
        "uppercase": (f"write {word} in capitals", word.upper()),
        "happy": (f"write a happy sentence about a {word}", f"the happy {word} sings gladly ."),
    }[task]
