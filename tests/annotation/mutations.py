"""Ways in which a text file can come broken or hostile, each a function of a random generator."""

import re

HOSTILE_NUMBERS = [
    *(b"NaN", b"Infinity", b"-inf", b"1e999", b"-1e308", b"1e-320", b"9" * 400, b"0x1F", b"1_0"),
    *(b"", b"-0", b"12,5", b"1.2.3", b"true", b"null", b'"7"', b"\xd9\xa3", b"1e9", b"-1"),
    *(b"0", b"7.25", b"512", b"31000", b"2147483648"),
]
INSERTED = [
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"&lol;", b"&#0;", b"<!-- ", b"]]>"),
    *(b"<![CDATA[", b"<?xml version='1.0' encoding='utf-16'?>", b'<!DOCTYPE a [<!ENTITY b "c">]>'),
    *(b"<a>" * 3000, b"[" * 3000, b'{"a":' * 3000, b"{}", b"[]", b"null", b'"\\ud800"', b"\\u0000"),
]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
ELEMENT = re.compile(rb"<[^<>]{1,300}/>|\[[^\[\]]{1,300}\]|\{[^{}]{1,300}\}")
WORD = re.compile(rb"[A-Za-z]{2,}")


def mutated(data, random, others):
    """Return ``data`` after one to three random changes; ``others`` lends pieces."""
    for _ in range(random.integers(1, 4)):
        change = CHANGES[random.integers(len(CHANGES))]
        data = change(data, random, others) or b""
    return data


def flip(data, random, others):
    changed = bytearray(data)
    for at in random.integers(0, max(1, len(data)), random.integers(1, 20)):
        changed[at : at + 1] = bytes([random.integers(256)])
    return bytes(changed)


def cut(data, random, others):
    return data[: random.integers(len(data) + 1)]


def delete(data, random, others):
    start, stop = span(data, random)
    return data[:start] + data[stop:]


def repeat(data, random, others):
    start, stop = span(data, random)
    piece = data[start : min(stop, start + 2000)]
    return data[:stop] + piece * int(random.integers(1, 50)) + data[stop:]


def swap(data, random, others):
    start, stop = span(data, random)
    middle = (start + stop) // 2
    return data[:start] + data[middle:stop] + data[start:middle] + data[stop:]


def insert(data, random, others):
    at = random.integers(len(data) + 1)
    return data[:at] + INSERTED[random.integers(len(INSERTED))] + data[at:]


def number(data, random, others):
    return substituted(data, NUMBER, HOSTILE_NUMBERS[random.integers(len(HOSTILE_NUMBERS))], random)


def word(data, random, others):
    words = WORD.findall(data[:20_000]) or [b"x"]
    return substituted(data, WORD, words[random.integers(len(words))], random)


def splice(data, random, others):
    start, stop = span(data, random)
    other = others[random.integers(len(others))]
    from_, to = span(other, random)
    return data[:start] + other[from_:to] + data[stop:]


def encoding(data, random, others):
    name = ["utf-16", "utf-16-be", "utf-32", "latin-1", "cp500"][random.integers(5)]
    return data.decode("utf-8", errors="replace").encode(name, errors="replace")


def element(data, random, others):
    """Drop, double or move one of the innermost elements or objects."""
    found = list(ELEMENT.finditer(data, int(random.integers(len(data) + 1))))[:50]
    if not found:
        return data
    one, other = (found[random.integers(len(found))] for _ in range(2))
    kept = [b"", one[0] * 2, other[0]][random.integers(3)]
    return data[: one.start()] + kept + data[one.end() :]


def span(data, random):
    """Return a random piece, mostly short."""
    start = int(random.integers(len(data) + 1))
    length = int(10 ** random.uniform(0, 4))
    return start, min(len(data), start + length)


def substituted(data, pattern, replacement, random):
    """Replace one match, or a few hundred, near a random place."""
    start = int(random.integers(len(data) + 1))
    count = [1, 1, 1, 300][random.integers(4)]
    return data[:start] + pattern.sub(lambda _: replacement, data[start:], count=count)


MILD = [number, word, element]  # most files stay readable, and what is read must make sense
CHANGES = [flip, cut, delete, repeat, swap, insert, splice, encoding, *3 * MILD]
