"""What a reader's statement may be: one that only reads, and for a tenant one that reads only tables.

The text that is judged is ClickHouse's own formatting of the statement, in which comments, heredocs and odd quoting
are gone, and that text is what runs. `readonly = 1` stands behind it; what is refused here is what that lets through.
"""

import re

from sinks.engine import READONLY, SYNTAX, QueryRefused

TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|(`(?:[^`\\]|\\.)*`)|(\"(?:[^\"\\]|\\.)*\")", re.DOTALL)
OUTFILE = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
NAME_AS_PARAMETER = re.compile(r"\{\s*\w+\s*:\s*Identifier\s*\}", re.IGNORECASE)
NODE = re.compile(r"^ *(\w+)(?: (.*?))?(?: \(alias .*\))?(?: \(children \d+\))?$")
WORD = re.compile(r"\w+")

READS = frozenset({"SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery"})
ADMIN_READS = READS | {
    "Explain",
    "DescribeQuery",
    "ShowTables",
    "ShowColumns",
    "ShowCreateTableQuery",
    "ShowCreateViewQuery",
    "ShowProcesslistQuery",
    "ExistsTableQuery",
}
SOURCES = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "generate_series", "generateseries", "values", "null"}
)
ADMIN_SOURCES = SOURCES | {"merge", "view", "mergetreeindex"}
"""Table functions, in lower case; no other may be used, because most reach for files, networks or other tables."""
NAMES_REFUSED = re.compile(
    r"(?<![\w.`\"])[`\"]?(file|eval|sleep|sleepEachRow|logTrace|showCertificate|chdb|generateSerialID|evalMLMethod"
    r"|catboostEvaluate|dictGet\w*|dictHas|dictIsIn|joinGet\w*|regionTo\w+|regionIn|regionHierarchy|addressTo\w+"
    r"|naiveBayes\w*|ai(?:Generate|Embed|Classify|Extract|Filter|Redact|Similarity|Translate)\w*)(?!\w)",
    re.IGNORECASE,
)
"""Functions that reach for files, networks, models or dictionaries, or only hold a thread. Refused as words, because a
bare name is a function too (`arrayMap(file, ...)`); behind a dot it is a column (`ingest_positions.file`)."""
PLACES_REFUSED = re.compile(
    r"(?<![\w.`\"])[`\"]?(?:(?:system|information_schema|default)[`\"]?\.|(?:merge\w*|loop|view\w*)[`\"]?\()",
    re.IGNORECASE,
)
"""Where a tenant may not reach, as it shows in the text."""
FIXED = {
    "Set": "SETTINGS is refused: settings are fixed",
    "InsertQuery": "INSERT is refused: readers write nothing",
    "ColumnsApplyTransformer": "APPLY is refused: the tree does not show what it applies",
}
OTHER_DATABASES = frozenset({"system", "information_schema", "default"})


def judge_text(statement: str, *, tenant: bool) -> None:
    """Raises QueryRefused for what shows in the formatted text: files, functions, tables named by a parameter."""
    bare = TEXT.sub(lambda found: found[1] or found[2] or "''", statement)  # texts go, quoted names stay
    if OUTFILE.search(bare):
        raise QueryRefused(READONLY, "INTO OUTFILE is refused: readers write no files")
    found = NAMES_REFUSED.search(bare)
    if found:
        raise QueryRefused(READONLY, f"function {found[1]} is refused; a column of that name needs its table before it")
    if tenant and PLACES_REFUSED.search(bare):
        raise QueryRefused(READONLY, "a tenant reads its own tables only")
    if NAME_AS_PARAMETER.search(bare):
        raise QueryRefused(READONLY, "a parameter of type Identifier is refused: name the table")


def judge_tree(tree: str, database: str, *, tenant: bool) -> None:
    """Raises QueryRefused for what shows in the tree that EXPLAIN AST gives of the statement.

    Names that users choose can add lines to a tree but take none away, and every line is judged.
    """
    lines = tree.splitlines()
    root = lines[0].split(" ")[0] if lines else ""
    if root not in (READS if tenant else ADMIN_READS):
        raise QueryRefused(READONLY, f"only {'SELECT' if tenant else 'reading'} is allowed, not {root or 'this'}")
    above = ""
    for line in lines:
        node, name = _parts(line)
        if node == "Function":
            _judge_source(name.split(" ")[0], above == "TableExpression", tenant)
        elif node in FIXED:
            raise QueryRefused(READONLY, FIXED[node])
        elif node == "TableIdentifier" and tenant:
            _judge_table(name, database)
        elif node == "Identifier" and tenant and name.split(".")[0].lower() in OTHER_DATABASES:
            raise QueryRefused(READONLY, f"{name} is not a tenant's to read")
        above = node


def _judge_source(name: str, source: bool, tenant: bool) -> None:
    if source and name.lower() not in (SOURCES if tenant else ADMIN_SOURCES):
        raise QueryRefused(READONLY, f"table function {name} is refused")


def _judge_table(name: str, database: str) -> None:
    parts = name.split(".")
    ours = len(parts) == 1 or (len(parts) == 2 and parts[0] == database)
    if not ours or not all(WORD.fullmatch(part) for part in parts):
        raise QueryRefused(READONLY, f"table {name} is not a tenant's to read")


def _parts(line: str) -> tuple[str, str]:
    found = NODE.match(line)
    if found is None:
        if line.strip():
            raise QueryRefused(SYNTAX, "a name in this statement spans lines")
        return "", ""
    return found[1], found[2] or ""
