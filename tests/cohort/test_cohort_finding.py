from carcinomap.cohort.finding import Finding, in_short


def test_many_lines_of_one_kind_become_a_few_and_their_number():
    lines = [Finding("warning", "line without slide", f"line {i}") for i in range(100)]
    other = Finding("note", "passed over", "a.txt")
    short = in_short([*lines, other])
    assert short[:5] == tuple(f"line {i}" for i in range(5))
    assert short[5:] == (
        "line without slide: 95 more like it; carcinomap check lists them",
        "a.txt",
    )
    assert in_short(lines[:5]) == short[:5]


def test_slides_that_share_a_kind_are_named_together():
    slides = [Finding("warning", "no outlines", f"of {i}", slide=f"s{i}") for i in range(7)]
    assert in_short(slides) == ("no outlines: 7 slides (s0, s1, s2, s3, s4 …)",)
    assert in_short(slides[:1]) == ("of 0",)
