"""Tenant filters, found in the code, and the same code without one of them.

A filter is a comparison with a tenant, or a look-up by one, in the gateway or in a module of `domain` that it imports:
a new one is found by itself, and has to be caught by the matrix, or to be declared here with what catches it.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from msgspec import Struct

from domain.administration import check_managed, roles_of
from domain.definitions import Definitions
from domain.federation import Pending, pending_doubt
from domain.identity import ApiKey, Permission, Presented, Principal, Role, User, Verdict, authorise, digest, identify
from domain.log_records import own
from schemas.codec import Codec
from schemas.errors import Rejected
from schemas.events import BusinessEvent
from schemas.record import Record

ROOT = Path(__file__).parents[2]
CODEC = Codec({"business-events": 1})
NAMES = {"tenant", "tenant_id", "tid"}


class Mutant(Struct, frozen=True):
    """One filter: where it stands, and what takes it away."""

    name: str
    without: Callable[[], Any]
    """Returns a context without the filter."""

    def __str__(self) -> str:
        return self.name


def _names_others() -> bool:
    verdict = Verdict(Principal("acme", "key/w", frozenset({Permission.READ_RUNS})))
    return authorise(verdict, Permission.READ_RUNS, ["acme", "other"]).status == 403


LATE = datetime.max.replace(tzinfo=UTC)


def _refused(decide: Callable[[], Any]) -> bool:
    try:
        decide()
    except Rejected:
        return True
    return False


def _another_providers() -> bool:
    pending = Pending(
        tenant_id="other",
        provider="idp",
        state="s",
        nonce="n",
        verifier="v",
        expires_at=datetime.max.replace(tzinfo=UTC),
    )
    return bool(pending_doubt(pending, "acme", "idp", "s", datetime.now(UTC)))


def _no_platform_admin() -> bool:
    return _refused(lambda: roles_of("acme", [Role.PLATFORM_ADMIN.value]))


def _last_admin() -> bool:
    return _refused(lambda: check_managed("acme", [User(id="ada", roles=[Role.ADMIN])], []))


def _platforms_scope() -> bool:
    key = ApiKey(id="a" * 16, scopes=[Permission.MANAGE_TENANTS], expires_at=LATE, digest=digest("s"))
    found = identify(Presented("acme", key.id, "s"), key, True, datetime.now(UTC)).principal
    return found is not None and not found.permissions


def _another_tenants_record() -> bool:
    """A record whose headers name nobody: only its body says whose it is."""
    event = BusinessEvent(
        event_id="e",
        tenant_id="other",
        correlation_id="c",
        occurred_at=LATE,
        source="s",
        subject="s",
        type="t",
    )
    made = CODEC.encode(event, "test")
    return own(Record(made.topic, 0, 0, 0, made.key, made.value, ()), CODEC, "acme") is None


CAUGHT_BY: dict[str, Callable[[], bool]] = {
    "domain.log_records:own": _another_tenants_record,
    "domain.identity:authorise": _names_others,
    "domain.identity:identify": _platforms_scope,
    "domain.federation:pending_doubt": _another_providers,
    "domain.administration:roles_of": _no_platform_admin,
    "domain.administration:check_managed": _last_admin,
}
"""What no route leads to yet, and what holds only with the filter."""
NO_FILTERS = {
    "domain.definitions:Definitions.names": "lists for commands; what it names is looked up with the tenant again",
    "domain.definitions:Definitions.provider": "leaves the platform out, which has none",
    "gateway.graph_rows:definition_row": "says whose a definition is that was read already",
    "gateway.run_documents:definition_document": "says whose a definition is that was read already",
    "gateway.money_documents:price_document": "says whose a price is that was read already",
    "gateway.proofs:_named": "says on the log who was meant",
    "gateway.usage:Usage.take": "forgets what a tenant was granted on earlier days",
    "domain.definitions:Definitions.tenants": "lists the tenants themselves",
}
"""Comparisons with a tenant that keep nobody from anything."""


def mutants() -> list[Mutant]:
    """Returns a mutant for every filter."""
    found = [Mutant("domain.definitions:Definitions.last", _any_tenants_definition)]
    for module in _modules():
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
        for place, number in _places(tree):
            name = f"{module}:{place}"
            if name not in NO_FILTERS:
                found.append(Mutant(f"{name} {number}" if number else name, _without(module, place, number)))
    return found


def _modules() -> list[str]:
    """Returns the modules of the gateway, and those of the domain that they import."""
    ours = [f"gateway.{path.stem}" for path in sorted((ROOT / "gateway").glob("*.py")) if path.stem != "__init__"]
    trees = [ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text()) for name in ours]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [*ours, *sorted({node.module for node in nodes if node.module and node.module.startswith("domain.")})]


def _places(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yields each function that compares tenants, by its name within the module, once for each comparison."""
    tops = [(node.name, node) for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        members = [node for node in owner.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        tops += [(f"{owner.name}.{node.name}", node) for node in members]
    for name, node in tops:
        for number, _ in enumerate(_comparisons(node)):
            yield name, number


def _comparisons(node: ast.AST) -> Iterator[ast.Compare]:
    for each in ast.walk(node):
        compares = isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn)
        if compares and any(map(_is_tenant, [each.left, *each.comparators])):
            yield each


def _is_tenant(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return any(map(_is_tenant, node.elts))
    return (isinstance(node, ast.Name) and node.id in NAMES) or (isinstance(node, ast.Attribute) and node.attr in NAMES)


def _without(module: str, place: str, number: int) -> Callable[[], Any]:
    @contextmanager
    def applied() -> Iterator[None]:
        owner = import_module(module)
        function = _function(reduce(lambda scope, name: vars(scope)[name], place.split("."), owner))
        before = function.__code__
        function.__code__ = _code(module, place, number)
        try:
            yield
        finally:
            function.__code__ = before

    return applied


def _function(found: Any) -> FunctionType:
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    assert isinstance(found, FunctionType), found
    return found


def _code(module: str, place: str, number: int) -> CodeType:
    """Returns the function's code in which the comparison lets everything through."""
    file = ROOT / f"{module.replace('.', '/')}.py"
    tree = ast.parse(file.read_text())
    node = reduce(_child, place.split("."), tree)
    target = list(_comparisons(node))[number]

    class Blind(ast.NodeTransformer):
        def visit_Compare(self, each: ast.Compare) -> ast.expr:
            if each is target:
                return ast.copy_location(ast.Constant(isinstance(each.ops[0], ast.Eq | ast.In)), each)
            return self.generic_visit(each)  # type: ignore[return-value]

    code = compile(ast.fix_missing_locations(Blind().visit(tree)), str(file), "exec")
    return reduce(_inner, place.split("."), code)


def _child(node: Any, name: str) -> Any:
    return next(each for each in node.body if getattr(each, "name", "") == name)


def _inner(code: CodeType, name: str) -> CodeType:
    return next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)


@contextmanager
def _any_tenants_definition() -> Iterator[None]:
    """Definitions are looked up by kind and name; the tenant says nothing."""
    genuine = Definitions.last

    def last(self: Definitions, tenant_id: str, kind: str, name: str) -> Any:
        owners = [tenant_id, *(owner for owner, each, _ in self._history if each == kind)]
        return next((event for owner in owners if (event := genuine(self, owner, kind, name)) is not None), None)

    Definitions.last = last  # type: ignore[method-assign]
    try:
        yield
    finally:
        Definitions.last = genuine  # type: ignore[method-assign]
