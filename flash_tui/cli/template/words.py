"""What both endpoints share: plain Python, nothing of Flash in it.

Modules like this one may be imported anywhere. A function of another *endpoint* is imported inside the function that
calls it, never at the top of a file: Flash finds endpoints by importing each file, and would find that one twice.
"""

import re

GREETING = "Hello"


def greet(name: str) -> str:
    return f"{GREETING}, {name}!"


def summarize(text: str, longest: int = 3) -> dict:
    """How many words and sentences there are, and the longest words, longest first."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    sentences = [part for part in re.split(r"[.!?]+", text) if part.strip()]
    return {
        "words": len(words),
        "sentences": len(sentences),
        "longest": sorted(set(words), key=lambda word: (-len(word), word))[:longest],
    }
