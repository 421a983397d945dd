"""Texts that are put together: by operators, and by the calls that make one text from others or give one back."""

import re

from noegress.scan.facts.address import HOLE
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.containers import MAX_VALUES, Containers
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.resolution import dotted_of
from noegress.scan.program.text_functions import (
    DECODERS,
    URL_MAKERS,
    Value,
    decoded,
    filled,
    formatted,
    formatted_map,
    join,
    numeric_address,
    substituted,
    unpacked_address,
    url_of_keywords,
    url_of_parts,
)

_PASSING = {"decode", "strip", "rstrip", "lstrip", "lower", "encode", "removesuffix", "removeprefix", "geturl", "joinpath", "as_posix", "upper", "unicode_string"}  # fmt: skip
_WRAPPING = {"str", "Request", "URL", "quote", "urlparse", "urlsplit", "HttpUrl", "AnyUrl", "AnyHttpUrl", "Url", "SecretStr", "Path", "cast", "parse_url", "Literal", "expandvars", "dict", "list", "tuple", "set", "frozenset"}  # fmt: skip
_SETTING = re.compile(
    r"(?i)^(field|option|argument|setting|unicode|param|parameter|string|config|configitem|traittype|env\w*|get_?env\w*|get_setting|.*_?env|env_.*|.*setting|.*option|get_config\w*|getconf|conf|var|variable)$"
)


class JoinedTexts(Containers):
    """Gives what operators and calls make of texts."""

    def _joined(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        if node[0] == "j":
            return self._product(module, node[1], scope, depth, "")
        operator, left, right = node[1:]
        if operator == "|":
            return self._many(module, [left, right], scope, depth) if "d" in (left[0], right[0]) else []
        if operator == "%":
            return self._percent(module, left, right, scope, depth)
        return self._product(module, [left, right], scope, depth, "/" if operator == "/" else "")

    def _product(self, module: Module, parts: list[Expression], scope: int, depth: int, glue: str) -> list[Value]:
        made = [Value("", "", 0)]
        for number, part in enumerate(parts):
            found = self._of(module, part, scope, depth + 1)[:4] or [Value(HOLE, "", 0)]
            joint = glue if number else ""
            made = [join(one, joint, two) for one in made for two in found][:MAX_VALUES]
        return [value for value in made if value.text.strip(HOLE + "/")]

    def _percent(self, module: Module, left: Expression, right: Expression, scope: int, depth: int) -> list[Value]:
        given = right[1] if right[0] == "l" else [right]
        texts = [self._first(module, item, scope, depth) for item in given] if right[0] != "d" else []
        named = (
            {key[1]: self._first(module, value, scope, depth) for key, value in right[1] if key[0] == "s"}
            if right[0] == "d"
            else {}
        )
        return [
            value._replace(text=filled(value.text, texts, named))
            for value in self._of(module, left, scope, depth + 1)[:4]
        ]

    def _call(self, module: Module, call: Call, depth: int) -> list[Value]:
        name, arguments, scope = tail_of(call.function), call.arguments, call.scope
        receiver = call.function[1] if call.function[0] == "a" else None
        if name in ("get", "getenv", "pop", "setdefault"):
            found = self._got(module, call, depth)
            if found:
                return found
        if name in ("b64decode", "urlsafe_b64decode") and arguments:
            return decoded(self._of(module, arguments[0], scope, depth + 1))
        if name == "join":
            return self._join_call(module, call, depth)
        if name == "format" and receiver is not None:
            return self._format(module, call, receiver, depth)
        if name == "replace" and receiver is not None and len(arguments) == 2:
            old, new = (self._first(module, item, scope, depth) for item in arguments)
            return [
                value._replace(text=value.text.replace(old, new) if old != HOLE else value.text)
                for value in self._of(module, receiver, scope, depth + 1)
            ]
        if name in _PASSING and receiver is not None:
            return self._of(module, receiver, scope, depth + 1)
        if name == "urljoin" and len(arguments) >= 2:
            return self._urljoin(module, call, depth)
        if name in DECODERS and arguments:
            values = self._of(module, arguments[0], scope, depth + 1)
            return [value._replace(text=DECODERS[name](value.text)) for value in values]
        made = self._made(module, call, name, depth)
        if made:
            return made
        if name == "getattr":
            return self._of(module, arguments[2], scope, depth + 1) if len(arguments) > 2 else []
        if name in _WRAPPING and arguments:
            return self._of(module, arguments[-1] if name == "cast" else arguments[0], scope, depth + 1)
        found = self._returned(module, call, depth)
        if found or not _SETTING.match(name):
            return found
        for keyword, value in call.keywords:
            if keyword in ("default", "default_value"):
                return self._of(module, value, scope, depth + 1)
        return (
            self._of(module, arguments[-1], scope, depth + 1)
            if len(arguments) > 1 or (arguments and not re.search("env|conf", name, re.IGNORECASE))
            else []
        )

    def _got(self, module: Module, call: Call, depth: int) -> list[Value]:
        """What ``get`` gives: a default, what stands in a mapping that is known, or what the file itself put into the environment."""
        arguments, scope = call.arguments, call.scope
        found = self._of(module, arguments[1], scope, depth + 1) if len(arguments) >= 2 else []
        receiver = call.function[1] if call.function[0] == "a" else None
        if receiver is None:
            return found
        if not arguments:  # a context variable, or another holder that was made with a default
            return self._constructed_with(module, receiver, "default", scope, depth)
        keys = {value.text for value in self._of(module, arguments[0], scope, depth + 1)}
        if tail_of(receiver) == "environ":
            for each in self.program.active:
                for key in keys:
                    for binding in each.bindings.get((0, f"os.environ[{key}]"), ())[:2]:
                        found += self._of(each, binding.value, binding.scope, depth + 1)
            return found
        return found + self._looked_up(module, receiver, keys, scope, depth)

    def _made(self, module: Module, call: Call, name: str, depth: int) -> list[Value]:
        """A text that a function puts together from parts."""
        arguments, scope = call.arguments, call.scope
        receiver = call.function[1] if call.function[0] == "a" else None
        named = {keyword: value for keyword, value in call.keywords if keyword}
        text, origin = "", Value("", module.path, 0)
        if name in ("urlunparse", "urlunsplit") and arguments and arguments[0][0] == "l":
            text = url_of_parts([self._first(module, part, scope, depth) for part in arguments[0][1][:3]])
        elif name in URL_MAKERS and not arguments:
            text = url_of_keywords({key: self._first(module, value, scope, depth) for key, value in named.items()})
        elif name in ("substitute", "safe_substitute", "format_map") and receiver is not None:
            given = {key: self._first(module, value, scope, depth) for key, value in named.items()}
            for argument in arguments[:1]:
                for _, held, where in self.resolved(module, argument, scope):
                    pairs = held[1] if held[0] == "d" else ()
                    given |= {key[1]: self._first(module, one, where, depth) for key, one in pairs if key[0] == "s"}
            fill = formatted_map if name == "format_map" else substituted
            texts = self._template(module, receiver, scope, depth)
            return [each._replace(text=fill(each.text, given)) for each in texts]
        elif name in ("ip_address", "IPv4Address", "IPv6Address") and arguments:
            text = numeric_address(self._first(module, arguments[0], scope, depth))
        elif name == "inet_ntoa" and arguments and arguments[0][0] == "c":
            packed = module.facts.calls[arguments[0][1]].arguments
            if len(packed) == 2:
                text = unpacked_address(*(self._first(module, item, scope, depth) for item in packed))
        return [origin._replace(text=text, line=call.line)] if text.strip(HOLE + ":/") else []

    def _template(self, module: Module, receiver: Expression, scope: int, depth: int) -> list[Value]:
        """The text of a template, or of the object that was made from it."""
        for owner, held, where in self.resolved(module, receiver, scope):
            if held[0] == "c" and tail_of(owner.facts.calls[held[1]].function) == "Template":
                return self._many(owner, owner.facts.calls[held[1]].arguments[:1], where, depth)
        return self._of(module, receiver, scope, depth + 1)

    def _urljoin(self, module: Module, call: Call, depth: int) -> list[Value]:
        bases = self._of(module, call.arguments[0], call.scope, depth + 1)[:3] or [Value(HOLE, "", 0)]
        ends = self._of(module, call.arguments[1], call.scope, depth + 1)[:3] or [Value(HOLE, "", 0)]
        return [
            end
            if "://" in end.text
            else join(
                Value(base.text.rstrip("/"), base.path, base.line), "/", Value(end.text.lstrip("/"), end.path, end.line)
            )
            for base in bases
            for end in ends
        ]

    def _join_call(self, module: Module, call: Call, depth: int) -> list[Value]:
        if call.function[0] != "a":
            return []
        if dotted_of(call.function).endswith("path.join"):
            return self._product(module, call.arguments, call.scope, depth, "/")
        glue = self._of(module, call.function[1], call.scope, depth + 1)
        if glue and call.arguments and call.arguments[0][0] == "l":
            return self._product(module, call.arguments[0][1], call.scope, depth, glue[0].text)
        return []

    def _format(self, module: Module, call: Call, receiver: Expression, depth: int) -> list[Value]:
        given = [self._first(module, item, call.scope, depth) for item in call.arguments]
        named = {name: self._first(module, item, call.scope, depth) for name, item in call.keywords if name}
        return [
            value._replace(text=formatted(value.text, given, named))
            for value in self._of(module, receiver, call.scope, depth + 1)[:4]
        ]

    def _returned(self, module: Module, call: Call, depth: int) -> list[Value]:
        """What a function of the file gives back."""
        target = self.function(module, call)
        if target is None or depth > 7:
            return []
        found: list[Value] = []
        owner, scope = target
        for value in owner.returns.get(scope, ())[:5]:
            found += self._of(owner, value, scope, depth + 2)
        return found[:MAX_VALUES]
