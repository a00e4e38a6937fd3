"""Text files: plain text, sentences by document, and the analogy questions of word2vec.

Idea: a text is one string of Unicode, its lines ended by "\\n", whatever system wrote it; a file
that is no UTF-8 is refused, and the first wrong byte shown, rather than read with holes. How a text
becomes tokens is the models' affair.
"""

from minigen.data.source import DataError, naming


def read_text(path):
    """The text in a UTF-8 file. A byte-order mark is dropped, line ends become "\\n".

    Raises DataError, naming the file, if it is empty, not UTF-8, or holds NUL, as binary files do.
    """
    with naming(path), open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise DataError(
            f"{path}: not UTF-8: byte {content[error.start]:02x} at {error.start}, in line {line}; "
            "save it as UTF-8"
        ) from None
    if "\0" in text:
        raise DataError(f"{path}: not a text: it holds NUL, at character {text.index(chr(0))}")
    if not text.strip():
        raise DataError(f"{path}: empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_text(text, share=0.9):
    """The first `share` of a text to train on, the rest to test on.   -> two texts

    Raises ValueError if one of them would be empty.
    """
    cut = int(share * len(text))
    if not 0 < cut < len(text):
        raise ValueError(f"split_text: {share} of {len(text)} characters leaves one side empty")
    return text[:cut], text[cut:]


def read_documents(path):
    """Documents as lists of sentences: a sentence a line, an empty line between documents.

    This is what BERT is trained on: the next sentence is the next line of the same document.
    Source: Devlin et al., BERT, 2018, and its code's input format.
    """
    documents = [[]]
    for line in read_text(path).split("\n"):
        if line.strip():
            documents[-1].append(line.strip())
        elif documents[-1]:
            documents.append([])
    return documents if documents[-1] else documents[:-1]


def read_analogies(path):
    """Questions "a is to b as c is to d", by section.   -> {section: [(a, b, c, d), ...]}

    A line ": capital-world" begins a section, any other has four words.
    Source: Mikolov et al., Efficient Estimation of Word Representations in Vector Space, 2013:
    questions-words.txt, 19 544 questions in 14 sections.
    Raises DataError, naming file and line, for a line that is neither, or a section named twice.
    """
    sections, current = {}, None
    for number, line in enumerate(read_text(path).split("\n"), 1):
        words = tuple(line.split())
        if line.startswith(":"):
            name = line[1:].strip()
            if not name or name in sections:
                raise DataError(f"{path}, line {number}: section {name!r}: no name, or one again")
            sections[name] = current = []
        elif len(words) == 4 and current is not None:
            current.append(words)
        elif words:
            raise DataError(
                f"{path}, line {number}: {len(words)} words where a section (': name') or four "
                "words must stand"
            )
    return sections
