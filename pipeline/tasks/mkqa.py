"""MKQA (Longpre et al. 2021, arXiv 2007.15207): closed-book questions in 26 languages, scored by token F1.

Of the 10,000 questions the 6,758 that have a short answer are asked: English answers of type "unanswerable" and
"long_answer" are left out. Normalisation and F1 (the best over answers and aliases) are the official ones, with their
quirks: punctuation is ASCII's alone, the Arabic rule takes every "ال" for an article, Chinese is split into
characters, Latin letters in it too, and a yes/no question's answer is the English "yes" or "no" in every language, so
that a local one is translated first.

The paper gives no prompt; ours is fixed, in each language, and part of a measurement's record.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

UNSCORED = frozenset({"unanswerable", "long_answer"})

WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)

BY_CHARACTER = frozenset({"zh"})
"""zh_cn in MKQA's own names."""

ARTICLES = {
    "ar": re.compile(r"\sال^|ال"),
    "de": re.compile(r"\b(?:ein(?:e[nmsr]?)?|d(?:er|ie|as|e[nms]))\b"),
    "en": re.compile(r"\b(?:an?|the)\b"),
    "es": re.compile(r"\b(?:un(?:a|os|as)?|el|l(?:as?|os))\b"),
}

YES_NO = {
    "ar": {"نعم": "yes", "لا": "no"},
    "de": {"ja": "yes", "nein": "no"},
    "en": {"yes": "yes", "no": "no"},
    "es": {"sí": "yes", "si": "yes", "no": "no"},
    "ru": {"да": "yes", "нет": "no"},
    "zh": {"是": "yes", "是的": "yes", "否": "no", "不是": "no", "不": "no"},
}

PROMPTS = {
    "ar": "أجب عن السؤال بالإجابة فقط، باللغة العربية وبأقل عدد من الكلمات.\nالسؤال: {question}\nالإجابة:",
    "de": "Beantworte die Frage nur mit der Antwort, auf Deutsch und so kurz wie möglich.\n"
    "Frage: {question}\nAntwort:",
    "en": "Answer the question with only the answer, in English and as short as possible.\n"
    "Question: {question}\nAnswer:",
    "es": "Responde a la pregunta solo con la respuesta, en español y lo más breve posible.\n"
    "Pregunta: {question}\nRespuesta:",
    "ru": "Ответь на вопрос только ответом, по-русски и как можно короче.\nВопрос: {question}\nОтвет:",
    "zh": "请只用答案回答问题，使用中文，并尽可能简短。\n问题：{question}\n答案：",
}

UNTIL = ("\n",)
MOST_TOKENS = 32


def is_asked(answers: dict[str, Any]) -> bool:
    """Whether a question of the official file is one of the 6,758. answers: its "answers", by MKQA's language."""
    return answers["en"][0]["type"] not in UNSCORED


def gold(answers: Sequence[dict[str, Any]]) -> list[str]:
    """The texts and aliases of an official question's answers in one language, each once."""
    texts = [text for answer in answers for text in (answer["text"], *answer.get("aliases", ())) if text]
    return list(dict.fromkeys(texts))


def f1(prediction: str, answers: Sequence[str], language: str) -> float:
    """The best token F1 over the answers and their aliases, 0 to 1."""
    predicted = normalised(_translated(prediction, answers, language), language)
    return max(_f1(predicted, normalised(answer, language)) for answer in answers)


def exact(prediction: str, answers: Sequence[str], language: str) -> bool:
    """Whether the normalised prediction is one of the normalised answers."""
    predicted = normalised(_translated(prediction, answers, language), language)
    return any(predicted == normalised(answer, language) for answer in answers)


def normalised(text: str, language: str) -> list[str]:
    """Lower case, without ASCII punctuation and articles; words, or characters in Chinese."""
    text = text.lower().translate(WITHOUT_PUNCTUATION)
    if (articles := ARTICLES.get(language)) is not None:
        text = articles.sub(" ", text)
    return [letter for letter in text if letter.strip()] if language in BY_CHARACTER else text.split()


def _translated(prediction: str, answers: Sequence[str], language: str) -> str:
    """A local yes or no in English, where the question asks for one."""
    if not {"yes", "no"} >= set(answers):
        return prediction
    word = prediction.lower().translate(WITHOUT_PUNCTUATION).strip(" \n。！")
    return YES_NO.get(language, {}).get(word, prediction)


def _f1(predicted: list[str], right: list[str]) -> float:
    if not predicted or not right:
        return float(predicted == right)
    common = sum((Counter(predicted) & Counter(right)).values())
    precision, recall = common / len(predicted), common / len(right)
    return 2 * precision * recall / (precision + recall) if common else 0.0
