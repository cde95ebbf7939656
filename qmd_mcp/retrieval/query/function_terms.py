"""The function words of Chinese and Japanese, which say nothing of what a query is about."""

from __future__ import annotations

_CHINESE = """
的 地 得 了 着 过 吗 呢 吧 啊 呀 么 嘛 之 其 所 我 你 您 他 她 它 我们 你们 咱们 他们 她们 它们 自己 我的 你的
这 那 这个 那个 这些 那些 这里 那里 此 该 每 各 某 是 有 没有 在 到 从 于 自 由 向 往 对 对于 关于 给 为 为了
以 用 把 被 让 使 将 和 与 跟 同 及 以及 或 或者 而 而且 但 但是 并 并且 如果 若 因为 所以 则 就 也 都 还 又
再 才 很 更 最 太 不 没 别 未 能 能够 可 可以 可能 会 要 想 想要 应 应该 应当 需 需要 必须 得以 请 请问 一个
一些 什么 甚 怎 怎么 怎样 怎么样 样 如何 为何 为什么 哪 哪个 哪些 哪里 哪儿 何 何时 何处 谁 谁的 多 多少
多少个 多久 几 几个 是否 是不是 有没有 能否 能不能 可不可以 可否 时 时候 之后 之前 以后 以前 后 前 中 上 下 里
里面
"""
"""Particles, pronouns, prepositions, conjunctions, auxiliaries and question words."""

_JAPANESE = """
の は が を に へ と で も や か な ね よ から まで より など だ です ます でしょう である した する して い
いる ある ない なる れる られる せる たい ください この その あの どの これ それ あれ どれ ここ そこ どこ いつ
だれ 誰 なに 何 なぜ どう どうやって どのように いくつ いくら こと もの ため とき よう について
"""
"""Particles, copulas, auxiliaries, pronouns and question words."""

FUNCTION_TERMS = frozenset((_CHINESE + _JAPANESE).split())
"""As the index's analyser segments them, in simplified characters.

BM25 keeps them: they are frequent in texts of their language and weigh next to nothing there. Among the terms by which
an answer is judged they would weigh most where they are rarest, in an index whose documents are mostly in another
language: the one Chinese passage that answers would lack the rarest words of the query, such as "how" and "where".
"""
