"""How much a GraphQL document asks for, counted before anything of it is done."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    parse,
)
from msgspec import Struct

TOKENS_MAX = 1000
DEPTH_MAX = 8
ALIASES_MAX = 15
COST_MAX = 10_000
"""Of all fields: each costs 1 for as many times as it may be answered."""
LIMITED = {"runs": 20, "definitions": 20, "log": 50}
"""Fields that say how many rows they want, and how many they get when they do not say."""
TIMES = {"steps": 10, "decisions": 4, "calls": 2, "agents": 10, "stepCounts": 5}
"""How many rows the other lists are taken to have; what they really have is counted while it is read."""
DIGITS_MAX = 9
"""Of a number that is read; GraphQL itself takes none that is much longer."""
INTROSPECTION = ("__schema", "__type")
"""Deep by its nature; GraphQL's own rule bounds it, and no row of anybody is read."""


class TooMuch(GraphQLError):
    """The document asks for more than is answered at once."""


class Weight(Struct, frozen=True):
    """What a selection comes to."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(max(self.depth, other.depth), self.aliases + other.aliases, self.cost + other.cost)


def checked(query: str, variables: Mapping[str, Any], operation: str | None, tokens_max: int = TOKENS_MAX) -> None:
    """Raises GraphQLError when the text is no document or leaves open which operation is meant, and TooMuch when it
    asks for more than a limit."""
    document = parse(query, max_tokens=tokens_max)
    if operation is None and sum(isinstance(each, OperationDefinitionNode) for each in document.definitions) > 1:
        raise GraphQLError("the document has several operations, and none is named")
    weight = _Scales(document, variables).weight()
    for what, is_, limit in (
        ("levels", weight.depth, DEPTH_MAX),
        ("aliases", weight.aliases, ALIASES_MAX),
        ("as its cost", weight.cost, COST_MAX),
    ):
        if is_ > limit:
            raise TooMuch(f"the document has {is_} {what}, more than {limit}")


class _Scales:
    """Weighs a document; a fragment is weighed once, however often it is spread."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        fragments = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
        self._fragments = {each.name.value: each for each in fragments}
        self._variables = variables
        self._weighed: dict[str, Weight | None] = {}

    def weight(self) -> Weight:
        """Returns what all operations come to, though one alone is done."""
        total = Weight()
        for operation in self._operations:
            total += self._selections(operation.selection_set)
        return total

    def _selections(self, selections: SelectionSetNode | None) -> Weight:
        total = Weight()
        for each in selections.selections if selections is not None else ():
            if isinstance(each, FieldNode):
                total += self._field(each)
            elif isinstance(each, FragmentSpreadNode):
                total += self._spread(each.name.value)
            else:
                total += self._selections(each.selection_set)  # type: ignore[attr-defined]  # an inline fragment
        return total

    def _field(self, field: FieldNode) -> Weight:
        within = self._selections(field.selection_set)
        depth = 1 if field.name.value in INTROSPECTION else within.depth + 1
        aliases = within.aliases + (field.alias is not None)
        return Weight(depth, aliases, 1 + self._times(field) * within.cost)

    def _spread(self, name: str) -> Weight:
        """Returns what a fragment comes to; nothing for one that there is not, or that spreads itself: both are refused
        by GraphQL's own rules."""
        if name not in self._weighed:
            self._weighed[name] = None
            fragment = self._fragments.get(name)
            self._weighed[name] = self._selections(fragment.selection_set) if fragment is not None else Weight()
        return self._weighed[name] or Weight()

    def _times(self, field: FieldNode) -> int:
        name = field.name.value
        if name not in LIMITED:
            return TIMES.get(name, 1)
        for argument in field.arguments or ():
            if argument.name.value == "limit":
                return self._said(argument.value, LIMITED[name])
        return LIMITED[name]

    def _said(self, value: ValueNode, most: int) -> int:
        """Returns the number that a limit says, by a variable's default, too; what is no number counts as the most."""
        if isinstance(value, VariableNode):
            name = value.name.value
            if name in self._variables:
                said = self._variables[name]
                return max(1, int(said)) if isinstance(said, int | float) else most
            defaults = [
                each.default_value
                for one in self._operations
                for each in one.variable_definitions or ()
                if each.variable.name.value == name and each.default_value is not None
            ]
            return max((self._said(each, most) for each in defaults), default=most)
        if not isinstance(value, IntValueNode):
            return most
        return max(1, int(value.value)) if len(value.value) <= DIGITS_MAX else most
