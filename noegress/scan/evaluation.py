"""Texts that an expression can have: constants and their simple flow, across the modules of a file, with a hole for what is not known."""

import base64
import binascii
import re
from typing import NamedTuple

from noegress.scan.address import HOLE
from noegress.scan.facts import Binding, Call, Expression
from noegress.scan.program import Module, Program, Symbol, tail_of
from noegress.scan.text_functions import (
    DECODERS,
    URL_MAKERS,
    in_document,
    numeric_address,
    split,
    substituted,
    unpacked_address,
    url_of_keywords,
    url_of_parts,
)

MAX_DEPTH = 12  # steps from name to value
MAX_VALUES = 12  # of one expression
MAX_STEPS = 4000  # of one question; flow that branches more is not simple
_FORMAT = re.compile(r"\{([^{}]*)\}")
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-#0-9.]*[sdrf]")
_PASSING = {"decode", "strip", "rstrip", "lstrip", "lower", "encode", "removesuffix", "removeprefix", "geturl", "joinpath", "as_posix", "upper", "unicode_string"}  # fmt: skip
_WRAPPING = {"str", "Request", "URL", "quote", "urlparse", "urlsplit", "HttpUrl", "AnyUrl", "AnyHttpUrl", "Url", "SecretStr", "Path", "cast", "parse_url", "Literal", "expandvars", "dict", "list", "tuple", "set", "frozenset"}  # fmt: skip
_SETTING = re.compile(
    r"(?i)^(field|option|argument|setting|unicode|param|parameter|string|config|configitem|traittype|env\w*|get_?env\w*|get_setting|.*_?env|env_.*|.*setting|.*option|get_config\w*|getconf|conf|var|variable)$"
)
_SPLITTERS = frozenset(("split", "rsplit", "partition", "rpartition", "splitlines"))
_DOCUMENTS = frozenset(("loads", "literal_eval", "safe_load"))
_ADDRESSLIKE = re.compile(r"ur[il]|host|endpoint|server|domain|base|address|dsn|api|link", re.IGNORECASE)


class Value(NamedTuple):
    """A text and where its constant is written."""

    text: str
    path: str
    line: int


class Evaluator:
    """Answers what texts an expression can have; answers are kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._steps = 0
        self._known: dict[tuple[int, int], list[Value]] = {}
        self._attributes: dict[str, list[tuple[Module, int]]] | None = None

    def values(self, module: Module, expression: Expression, scope: int) -> list[Value]:
        """Every text that is found, none where the expression is not text or not known."""
        key = (id(expression), scope)
        if key not in self._known:
            self._steps = 0
            self._known[key] = self._of(module, expression, scope, 0)[:24]
        return self._known[key]

    def _of(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return []
        tag = node[0]
        if tag == "s":
            return [Value(node[1], module.path, node[2])]
        if tag == "k":
            return [] if node[1] is None or isinstance(node[1], bool) else [Value(str(node[1]), module.path, 0)]
        if tag == "n":
            return self._name(module, node[1], scope, depth)
        if tag == "a":
            return self._attribute(module, node, scope, depth)
        if tag == "c":
            return self._call(module, module.facts.calls[node[1]], depth)
        if tag in ("j", "b"):
            return self._joined(module, node, scope, depth)
        if tag in ("o", "l"):
            return self._many(module, node[2] if tag == "o" else node[1], scope, depth)
        if tag == "d":
            return self._many(module, [value for _, value in node[1]], scope, depth)
        if tag == "i":
            return self._of(module, node[1], scope, depth + 1)
        return self._subscript(module, node, scope, depth) if tag == "x" else []

    def _many(self, module: Module, nodes: list[Expression], scope: int, depth: int) -> list[Value]:
        found: list[Value] = []
        for node in nodes[:40]:
            found += self._of(module, node, scope, depth + 1)
            if len(found) >= 2 * MAX_VALUES:
                break
        return found

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
            made = [_join(one, joint, two) for one in made for two in found][:MAX_VALUES]
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
            value._replace(text=_filled(value.text, texts, named))
            for value in self._of(module, left, scope, depth + 1)[:4]
        ]

    def _first(self, module: Module, node: Expression, scope: int, depth: int) -> str:
        found = self._of(module, node, scope, depth + 1)
        return found[0].text if found else HOLE

    def _name(self, module: Module, name: str, scope: int, depth: int) -> list[Value]:
        scopes = module.facts.scopes
        inner = scope
        while scope >= 0:
            record = scopes[scope]
            if record.kind != "class" or scope == inner:
                bound = module.bindings.get((scope, name))
                if bound:
                    found = []
                    for binding in bound[:8]:
                        found += self._of(module, binding.value, binding.scope, depth + 1)
                    if found or scope == 0:
                        return found[: 2 * MAX_VALUES]
            if record.kind == "function":
                for param, default in record.params:
                    if param == name:
                        return self._of(module, default, record.parent, depth + 1) if default is not None else []
            scope = record.parent
        if name in module.imports:
            return self._dotted(module.imports[name], depth)
        if name in ("__name__", "__package__"):
            return [Value(module.name.partition(".")[0] if name == "__package__" else module.name, module.path, 0)]
        for star in module.stars:
            found = self._dotted(f"{star}.{name}", depth)
            if found:
                return found
        return []

    def _attribute(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        base, name = node[1], node[2]
        if base[0] == "n" and base[1] in ("self", "cls"):
            owner = module.class_of(scope)
            return self.class_attribute(module, owner, name, depth) if owner else []
        if name in ("value", "_value_"):  # of a member of an enumeration
            found = self._of(module, base, scope, depth + 1)
            if found:
                return found
        given = self._constructed_with(module, base, name, scope, depth)
        if given:
            return given
        dotted = dotted_of(node)
        if dotted:
            bound = module.bindings.get((scope, dotted)) or module.bindings.get((0, dotted))
            if bound:
                return self._of(module, bound[0].value, bound[0].scope, depth + 1)
            head, _, rest = dotted.partition(".")
            if head in module.imports:
                found = self._dotted(f"{module.imports[head]}.{rest}", depth)
                if found or module.imports[head].partition(".")[0] not in self.program.tops:
                    return found
            if head in module.classes:
                return self.class_attribute(module, module.classes[head], name, depth)
            owner_symbol = self.instance(module, base, scope)
            if owner_symbol is not None:
                return self.class_attribute(
                    owner_symbol.module, owner_symbol.module.classes[owner_symbol.name], name, depth
                )
        return self._anywhere(name, depth)

    def _constructed_with(self, module: Module, base: Expression, name: str, scope: int, depth: int) -> list[Value]:
        """What the constructor of an object was given under the name of an attribute."""
        for owner, expression, where in self._resolved(module, base, scope):
            if expression[0] == "c":
                for keyword, value in owner.facts.calls[expression[1]].keywords:
                    if keyword == name:
                        return self._of(owner, value, where, depth + 1)
        return []

    def _resolved(self, module: Module, node: Expression, scope: int) -> list[tuple[Module, Expression, int]]:
        """What a name is bound to, across the modules of the file; anything else is what it is."""
        if node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"):
            bound = module.bindings.get((module.class_of(scope), node[2])) or []
            return [(module, binding.value, binding.scope) for binding in bound[:2]]
        if node[0] != "n":
            return [(module, node, scope)]
        walk = scope
        while walk >= 0:
            bound = module.bindings.get((walk, node[1])) or []
            if bound:
                return [(module, binding.value, binding.scope) for binding in bound[:2]]
            walk = module.facts.scopes[walk].parent
        symbol = self.program.lookup(module.imports[node[1]]) if node[1] in module.imports else None
        if symbol is None or symbol.kind != "value" or symbol.rest:
            return []
        bound = symbol.module.bindings[0, symbol.name]
        return [(symbol.module, binding.value, binding.scope) for binding in bound[:2]]

    def instance(self, module: Module, node: Expression, scope: int) -> Symbol | None:
        """The class of the file that an expression is an instance of, by its constructor call."""
        bound: list[Binding] = []
        if node[0] == "n":
            walk = scope
            while walk >= 0 and not bound:
                bound = module.bindings.get((walk, node[1]), [])
                walk = module.facts.scopes[walk].parent
        elif node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"):
            bound = module.bindings.get((module.class_of(scope), node[2]), [])
        for binding in bound[:3]:
            if binding.value[0] == "c":
                function = module.facts.calls[binding.value[1]].function
                dotted = self.absolute(module, function)
                symbol = self.program.lookup(dotted) if dotted else None
                if symbol is not None and symbol.kind == "class":
                    return symbol
        return None

    def absolute(self, module: Module, node: Expression) -> str:
        """The absolute dotted name of an expression made of names; empty where it is something else."""
        dotted = dotted_of(node)
        if not dotted:
            return ""
        head, _, rest = dotted.partition(".")
        if head in module.imports:
            return module.imports[head] + (f".{rest}" if rest else "")
        if head in module.classes or head in module.functions or (0, head) in module.bindings:
            return f"{module.name}.{dotted}"
        return dotted

    def targets(self, module: Module, call: Call) -> list[str]:
        """What a call may run, in absolute names: also where a local name was bound to it first."""
        node = call.function
        if node[0] == "n" and node[1] not in module.imports:
            found: list[str] = []
            for binding in module.bindings.get((module.function_of(call.scope), node[1]), ())[:3]:
                choices = binding.value[2] if binding.value[0] == "o" else [binding.value]
                found += [
                    name for choice in choices if choice[0] in ("a", "n") and (name := self.absolute(module, choice))
                ]
            if found:
                return found
        return [name] if (name := self.absolute(module, node)) else []

    def _dotted(self, dotted: str, depth: int) -> list[Value]:
        symbol = self.program.lookup(dotted)
        if symbol is None:
            return []
        module = symbol.module
        if symbol.kind == "member":
            return self.class_attribute(module, module.classes[symbol.name], symbol.rest[0], depth)
        if symbol.kind != "value":
            return []
        if not symbol.rest:
            found: list[Value] = []
            for binding in module.bindings[0, symbol.name][:6]:
                found += self._of(module, binding.value, binding.scope, depth + 1)
            return found[: 2 * MAX_VALUES]
        owner = self.instance(module, ("n", symbol.name), 0)
        if owner is None:
            return []
        return self.class_attribute(owner.module, owner.module.classes[owner.name], symbol.rest[0], depth)

    def class_attribute(self, module: Module, owner: int, name: str, depth: int, hops: int = 0) -> list[Value]:
        """The texts of a class attribute, an attribute set on ``self``, or a property; through base classes."""
        if depth > MAX_DEPTH:
            return []
        found: list[Value] = []
        for binding in module.bindings.get((owner, name), ())[:6]:
            found += self._of(module, binding.value, binding.scope, depth + 1)
        scope = module.functions.get(f"{module.quals[owner]}.{name}")
        if scope is not None and not found:
            for value in module.returns.get(scope, ())[:4]:
                found += self._of(module, value, scope, depth + 2)
        if found or hops > 4:
            return found[:MAX_VALUES]
        for base in module.facts.scopes[owner].bases:
            symbol = self.program.lookup(self.absolute(module, base))
            if symbol is not None and symbol.kind == "class":
                found = self.class_attribute(
                    symbol.module, symbol.module.classes[symbol.name], name, depth + 1, hops + 1
                )
                if found:
                    return found
        return []

    def _anywhere(self, name: str, depth: int) -> list[Value]:
        """An attribute of an object of unknown class: what the few classes that have it give it."""
        if depth > 6 or len(name) < 4 or not _ADDRESSLIKE.search(name):
            return []
        if self._attributes is None:
            self._attributes = {}
            for module in self.program.active:
                for qual, scope in module.classes.items():
                    prefix = f"{qual}."
                    names = {bound for owner, bound in module.bindings if owner == scope}
                    names |= {key[len(prefix) :] for key in module.functions if key.startswith(prefix)}
                    for each in names:
                        if _ADDRESSLIKE.search(each):
                            self._attributes.setdefault(each, []).append((module, scope))
        found: list[Value] = []
        holders = self._attributes.get(name, [])
        if len(holders) <= 4:
            for module, scope in holders:
                found += self.class_attribute(module, scope, name, depth + 3)
        return [value for value in found if "." in value.text][:4]

    def _subscript(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        base, index = node[1], node[2]
        if index[0] == "k" and isinstance(index[1], int):
            return self._item(module, base, index[1], scope, depth)
        keys = {value.text for value in self._of(module, index, scope, depth + 1)}
        return self._looked_up(module, base, keys, scope, depth)

    def _looked_up(self, module: Module, base: Expression, keys: set[str], scope: int, depth: int) -> list[Value]:
        """What stands under some keys of a mapping; under all, where they are not known."""
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return []
        found: list[Value] = []
        for owner, held, where in self._resolved(module, base, scope):
            if held[0] == "d":
                for key, value in held[1][:60]:
                    if not keys or (key[0] == "s" and key[1] in keys):
                        found += self._of(owner, value, where, depth + 1)
            elif held[0] == "c":
                call = owner.facts.calls[held[1]]
                if tail_of(call.function) in _DOCUMENTS and call.arguments:
                    for text in self._of(owner, call.arguments[0], where, depth + 1)[:4]:
                        found += [text._replace(text=inner) for inner in in_document(text.text, keys)]
                elif tail_of(call.function) in ("dict", "OrderedDict", "MappingProxyType"):
                    for keyword, value in call.keywords[:60]:
                        if not keys or keyword in keys:
                            found += self._of(owner, value, where, depth + 1)
                    for given in call.arguments[:1]:
                        found += self._looked_up(owner, given, keys, where, depth + 1)
        return found[:MAX_VALUES]

    def _item(self, module: Module, base: Expression, number: int, scope: int, depth: int) -> list[Value]:
        """One item of a sequence, or of each sequence that a loop goes through."""
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return []
        if base[0] == "i":
            found: list[Value] = []
            for owner, part, where in self._resolved(module, base[1], scope):
                if part[0] == "l":
                    for inner in part[1][:40]:
                        found += self._item(owner, inner, number, where, depth + 1)
                elif part[0] == "c":
                    found += self._item_of_pairs(owner, owner.facts.calls[part[1]], number, depth + 1)
            return found[: 2 * MAX_VALUES]
        for owner, held, where in self._resolved(module, base, scope):
            if held[0] == "l" and -len(held[1]) <= number < len(held[1]):
                return self._of(owner, held[1][number], where, depth + 1)
            if held[0] == "c":
                found = self._item_of_call(owner, owner.facts.calls[held[1]], number, depth + 1)
                if found:
                    return found
        return []

    def _item_of_pairs(self, module: Module, call: Call, number: int, depth: int) -> list[Value]:
        """What a loop over ``items()``, ``enumerate`` or ``zip`` binds to one of its names."""
        name = tail_of(call.function)
        if name == "items" and call.function[0] == "a":
            for owner, held, where in self._resolved(module, call.function[1], call.scope):
                if held[0] == "d" and number in (0, 1):
                    return self._many(owner, [pair[number] for pair in held[1]], where, depth)
        if name == "enumerate" and number == 1 and call.arguments:
            return self._of(module, ("i", call.arguments[0]), call.scope, depth + 1)
        if name == "zip" and number < len(call.arguments):
            return self._of(module, ("i", call.arguments[number]), call.scope, depth + 1)
        return []

    def _item_of_call(self, module: Module, call: Call, number: int, depth: int) -> list[Value]:
        """One item of what a call gives back: of a text that it splits, or of a tuple that a function of the file returns."""
        name = tail_of(call.function)
        if name in _SPLITTERS and call.function[0] == "a":
            given = [self._first(module, item, call.scope, depth) for item in call.arguments]
            found = []
            for value in self._of(module, call.function[1], call.scope, depth + 1)[:4]:
                pieces = split(value.text, name, given)
                if -len(pieces) <= number < len(pieces):
                    found.append(value._replace(text=pieces[number]))
            return found
        target = self.function(module, call)
        if target is None:
            return []
        owner, scope = target
        found = []
        for returned in owner.returns.get(scope, ())[:5]:
            found += self._item(owner, returned, number, scope, depth + 1)
        return found

    def _call(self, module: Module, call: Call, depth: int) -> list[Value]:
        name, arguments, scope = tail_of(call.function), call.arguments, call.scope
        receiver = call.function[1] if call.function[0] == "a" else None
        if name in ("get", "getenv", "pop", "setdefault"):
            found = self._got(module, call, depth)
            if found:
                return found
        if name in ("b64decode", "urlsafe_b64decode") and arguments:
            return _decoded(self._of(module, arguments[0], scope, depth + 1))
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
                for _, held, where in self._resolved(module, argument, scope):
                    pairs = held[1] if held[0] == "d" else ()
                    given |= {key[1]: self._first(module, one, where, depth) for key, one in pairs if key[0] == "s"}
            fill = _formatted_map if name == "format_map" else substituted
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
        for owner, held, where in self._resolved(module, receiver, scope):
            if held[0] == "c" and tail_of(owner.facts.calls[held[1]].function) == "Template":
                return self._many(owner, owner.facts.calls[held[1]].arguments[:1], where, depth)
        return self._of(module, receiver, scope, depth + 1)

    def _urljoin(self, module: Module, call: Call, depth: int) -> list[Value]:
        bases = self._of(module, call.arguments[0], call.scope, depth + 1)[:3] or [Value(HOLE, "", 0)]
        ends = self._of(module, call.arguments[1], call.scope, depth + 1)[:3] or [Value(HOLE, "", 0)]
        return [
            end
            if "://" in end.text
            else _join(
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
            value._replace(text=_formatted(value.text, given, named))
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

    def function(self, module: Module, call: Call) -> tuple[Module, int] | None:
        """The function of the file that a call runs; a class means its ``__init__``."""
        node = call.function
        if node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"):
            owner = module.class_of(call.scope)
            return self._method(module, owner, node[2]) if owner else None
        if node[0] == "n" and module.quals[call.scope]:
            nested = module.functions.get(f"{module.quals[call.scope]}.{node[1]}")
            if nested is not None:
                return module, nested
        dotted = self.absolute(module, node)
        symbol = self.program.lookup(dotted) if dotted else None
        if symbol is None and node[0] == "a":
            symbol = self.instance(module, node[1], call.scope)
            return self._method(symbol.module, symbol.module.classes[symbol.name], node[2]) if symbol else None
        if symbol is None:
            return None
        if symbol.kind == "function" and not symbol.rest:
            return symbol.module, symbol.module.functions[symbol.name]
        if symbol.kind == "class":
            return self._method(symbol.module, symbol.module.classes[symbol.name], "__init__")
        if symbol.kind == "member":
            return self._method(symbol.module, symbol.module.classes[symbol.name], symbol.rest[0])
        if symbol.kind == "value" and len(symbol.rest) == 1:
            owner_symbol = self.instance(symbol.module, ("n", symbol.name), 0)
            if owner_symbol is not None:
                return self._method(owner_symbol.module, owner_symbol.module.classes[owner_symbol.name], symbol.rest[0])
        return None

    def _method(self, module: Module, owner: int, name: str, hops: int = 0) -> tuple[Module, int] | None:
        scope = module.functions.get(f"{module.quals[owner]}.{name}")
        if scope is not None:
            return module, scope
        if hops < 4:
            for base in module.facts.scopes[owner].bases:
                symbol = self.program.lookup(self.absolute(module, base))
                if symbol is not None and symbol.kind == "class":
                    found = self._method(symbol.module, symbol.module.classes[symbol.name], name, hops + 1)
                    if found is not None:
                        return found
        return None


def dotted_of(node: Expression) -> str:
    """``a.b.c`` as text; empty where a part is no name."""
    parts = []
    while node[0] == "a":
        parts.append(node[2])
        node = node[1]
    return ".".join([node[1], *reversed(parts)]) if node[0] == "n" else ""


def _join(one: Value, glue: str, two: Value) -> Value:
    source = one if one.path and (one.text.strip(HOLE) or not two.path) else two
    return Value((one.text + glue + two.text)[:4000], source.path, source.line)


def _decoded(values: list[Value]) -> list[Value]:
    found = []
    for value in values:
        try:
            text = base64.b64decode(value.text + "=" * (-len(value.text) % 4)).decode("latin-1")
        except (ValueError, binascii.Error):
            continue
        found.append(value._replace(text=text))
    return found


def _filled(text: str, given: list[str], named: dict[str, str]) -> str:
    """A text with ``%`` fields filled in."""
    rest = iter(given)
    return _PERCENT.sub(lambda match: named.get(match[1], HOLE) if match[1] else next(rest, HOLE), text)


def _formatted_map(text: str, named: dict[str, str]) -> str:
    return _formatted(text, [], named)


def _formatted(text: str, given: list[str], named: dict[str, str]) -> str:
    """A text with ``{}`` fields filled in."""
    rest = iter(given)

    def fill(match: re.Match[str]) -> str:
        key = re.split(r"[:!.\[]", match[1], maxsplit=1)[0]
        if key in named:
            return named[key]
        if key.isdigit():
            return given[int(key)] if int(key) < len(given) else HOLE
        return HOLE if key else next(rest, HOLE)

    return _FORMAT.sub(fill, text)
