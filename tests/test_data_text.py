"""Made-up texts: grammar, meaning and balance are those that they state.

Read next: test_data_drawn.py, whose pictures some of these sentences describe.
"""

import numpy as np
import pytest

from minigen.data import capitals, captions, char_corpus, grammar_text, instructions, sentiment
from minigen.data.capitals import CITY, NATION, OTHERS, PAIRS
from minigen.data.grammar import TOPICS, WORDS, entropy_rate, log_probability
from minigen.data.sentences import score


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (grammar_text, lambda made: made.sentences),
        (sentiment, lambda made: made.sentences),
        (instructions, lambda made: made.answers),
        (captions, lambda made: made.texts),
    ],
)
def test_a_seed_gives_the_same_text_and_a_sentence_depends_on_its_own_row_alone(make, words):
    assert words(make(300, 5)) == words(make(300, 5))
    assert words(make(300, 5))[:20] == words(make(20, 5))
    assert make is captions or words(make(300, 5)) != words(make(300, 6))


def test_characters_and_capitals_are_prefixes_of_longer_ones():
    assert char_corpus(5000, 3).text.startswith(char_corpus(1234, 3).text)
    long, short = capitals(2000, 3).sentences, capitals(300, 3).sentences
    assert long[: len(short)] == short and sum(len(s.split()) for s in short) in range(300, 310)


def test_every_sentence_of_the_grammar_can_be_derived_and_is_of_its_documents_topic():
    made = grammar_text(1000, 1)
    assert len(made.documents) == 200 and all(len(document) == 5 for document in made.documents)
    assert (np.bincount(made.topics) == 25).all()
    nouns = [{noun + end for noun in ns for end in ("", "s")} for ns in TOPICS.values()]
    for document, topic in zip(made.documents, made.topics, strict=True):
        said = set(" ".join(document).split())
        assert said <= set(WORDS)
        assert [bool(said & topical) for topical in nouns].index(True) == topic
        assert sum(bool(said & topical) for topical in nouns) == 1
        assert all(np.isfinite(log_probability(sentence)) for sentence in document)
    assert 150 < len(WORDS) < 250


@pytest.mark.parametrize(
    "sentence",
    [
        "", "cat", "the cat sleep .", "the cats sleeps .", "these cat sleeps .", "the cat sleeps",
        "the cat sleeps . the", "a cat sees the boat .", "the cat near the dogs sleep .",
        "the red red cat sleeps .", "the cat sees .", "the cat sleeps often today .",
    ],
)
def test_what_breaks_a_rule_cannot_be_derived(sentence):
    assert log_probability(sentence) == -np.inf


def test_the_probability_of_a_sentence_is_the_product_of_its_choices():
    # Det, number, no adjective, noun, no PP, intransitive verb, no adverb
    chance = 1 / 4 * 1 / 2 * 0.6 * 1 / 6 * 0.75 * 0.4 * 1 / 10 * 0.6
    assert log_probability("the cat sleeps .") == pytest.approx(np.log(chance))
    chance = 1 / 4 / 2 * 0.4 / 24 / 6 * 0.25 / 4 * (1 / 4 / 2 * 0.6 / 6) * 0.6 / 12
    chance *= 1 / 4 / 2 * 0.6 / 6
    said = "these small dogs near a cat see the goat ."
    assert log_probability(said) == pytest.approx(np.log(chance))


def test_the_entropy_rate_is_what_the_text_measures():
    made = grammar_text(5000, 2)
    bits = [np.log(8) / 5 - log_probability(sentence) for sentence in made.sentences]
    words = [len(sentence.split()) for sentence in made.sentences]
    # a ratio of means; its standard deviation over 5000 sentences is about 0.005
    assert np.mean(bits) / np.mean(words) == pytest.approx(entropy_rate(), abs=0.02)


def test_characters_code_the_text():
    made = char_corpus(20_000)
    assert len(made.text) == 20_000 and made.codes.shape == (20_000,)
    assert "".join(made.symbols[code] for code in made.codes) == made.text
    assert list(made.symbols) == sorted(set(made.text)) and made.text.count("\n\n") > 50


def test_feelings_are_balanced_and_scores_count_the_words():
    made = sentiment(1000, 1)
    assert (np.bincount(made.labels) == 500).all()
    assert [score(sentence) for sentence in made.sentences] == made.scores.tolist()
    assert ((made.scores > 0) == (made.labels == 1)).all() and 0 not in made.scores
    assert set(made.scores) == {-3, -2, -1, 1, 2, 3}
    mixed = [s for s in made.sentences if any(w in s for w in ("happy",)) and "sad" in s]
    assert mixed                                        # one word does not give the label away
    assert len(set(made.sentences)) > 950


def test_answers_are_what_the_prompts_ask_for():
    made = instructions(400, 1)
    assert (np.bincount(made.tasks) == 100).all()
    for prompt, answer, task in zip(made.prompts, made.answers, made.tasks, strict=True):
        word = prompt.split()[1 if task == 2 else -1]
        expected = (word[::-1], str(len(word)), word.upper(), f"the happy {word} sings gladly .")
        assert answer == expected[task]


def test_a_pairs_words_are_said_of_both_and_a_types_words_of_that_type_only():
    made = capitals(50_000)
    sentences = [set(sentence.split()) for sentence in made.sentences]
    vocabulary = set().union(*sentences)
    assert len(vocabulary) == 112
    assert sum(len(s.split()) for s in made.sentences) in range(50_000, 50_010)
    of_place = np.bincount(made.place[made.place >= 0], minlength=24)
    assert np.ptp(of_place) <= 1 and (made.place == -1).sum() == len(sentences) // 5
    for which, words in enumerate(sentences):
        place = made.place[which]
        if place < 0:
            assert not words & {*CITY, *NATION} and len(words & set(OTHERS)) >= 2
        else:
            assert made.pairs[place % 12][place // 12] in words
            assert words & set((NATION, CITY)[place // 12])
            assert not words & set((CITY, NATION)[place // 12])
    own = [set(about[1:]) for about in PAIRS.values()]
    said = np.array([[bool(words & pair) for pair in own] for words in sentences])
    counts = np.array([said[made.place == place].sum(0) for place in range(24)])    # (24, 12)
    as_country, as_capital = np.diagonal(counts[:12]), np.diagonal(counts[12:])
    assert abs(as_country - as_capital).max() < 60 and as_country.min() > 60
    assert (as_country + as_capital).sum() > 0.85 * counts.sum()


def test_word_vectors_of_the_capitals_hold_the_analogy():
    # vectors by a singular value decomposition of log co-occurrences: quick, and no training
    made = capitals(50_000)
    words = sorted({word for sentence in made.sentences for word in sentence.split()})
    index = {word: i for i, word in enumerate(words)}
    counts = np.zeros((len(words), len(words)))
    for sentence in made.sentences:
        row = [index[word] for word in sentence.split()]
        for i, word in enumerate(row):
            for other in row[max(0, i - 3) : i] + row[i + 1 : i + 4]:
                counts[word, other] += 1
    chance = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    u, s, _ = np.linalg.svd(np.maximum(np.log((counts + 1e-9) / chance), 0))
    vectors = u[:, :32] * np.sqrt(s[:32])
    ends = np.array([[index[word] for word in pair] for pair in made.pairs])
    offsets = vectors[ends[:, 1]] - vectors[ends[:, 0]]
    offsets /= np.linalg.norm(offsets, axis=1, keepdims=True)
    similar = offsets @ offsets.T
    assert similar[~np.eye(12, dtype=bool)].mean() > 0.5


def test_captions_say_what_the_pictures_show():
    made = captions(144, 1)
    assert made.images.shape == (144, 3, 16, 16) and made.large.shape == (144, 3, 32, 32)
    assert len(set(made.texts)) == 72 and made.texts[:72] == made.texts[72:]
    assert made.texts[0] == "a small red circle on a black background"
    averaged = made.large.reshape(144, 3, 16, 2, 16, 2).mean((3, 5))
    np.testing.assert_allclose(made.images, averaged, atol=0.51 / 255)
    corner = made.large[:, :, 0, -1]
    np.testing.assert_allclose(corner, np.array([0.05, 0.95, 0.5])[made.background][:, None].repeat(
        3, 1), atol=0.003)
    column, row = np.rint(16 * (made.position.T + 1) - 0.5).astype(int)
    middle = made.large[np.arange(144), :, row, column]
    colours = np.array([[0.9, 0.09, 0.09], [0.09, 0.9, 0.09], [0.09, 0.09, 0.9], [0.9, 0.9, 0.09]])
    np.testing.assert_allclose(middle, colours[made.colour], atol=0.003)
    area = (abs(made.large - corner[:, :, None, None]).max(1) > 0.1).sum((1, 2))
    assert area[made.size == 1].min() > 1.5 * area[made.size == 0].max()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grammar_text(5, per_document=0), "per_document is 0"),
        (lambda: grammar_text(5, topics=8), "grammar_text: topics is 8; it must be int64, 0 to 7"),
        (lambda: sentiment(5, labels=2), "sentiment: labels is 2"),
        (lambda: captions(5, side=4), "captions: side is 4"),
        (lambda: captions(5, mood=1), "captions: no factor 'mood'; the factors are size, colour"),
    ],
)
def test_what_cannot_be_written_is_an_error_that_says_why(call, words):
    with pytest.raises(ValueError, match=words):
        call()
