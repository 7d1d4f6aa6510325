"""Read YAML as plain values; refuse repeated keys and nesting that nothing here has."""

from pathlib import Path
from typing import Any

import yaml

from stability_gap.errors import UserError

DEEPEST = 50  # blocks within one another; config.yaml has 5


class _Loader(yaml.SafeLoader):
    """Refuse a key that a mapping holds twice (YAML would silently take the last value) and endless nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.depth > DEEPEST:
            raise UserError(f"{mark.name}: line {mark.line + 1}: more than {DEEPEST} blocks within one another; flatten them.")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                raise UserError(
                    f"{key.start_mark.name}: line {line}: {key.value}: already given in line {first}; keep one of the two."
                )
            lines[key.value] = line
        return node


def read(path: Path | str) -> Any:
    """Read the plain values of a YAML file. Errors: UserError naming the file, and line and key where one is at fault."""
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, Loader=_Loader)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; call from the folder of config.yaml or name it with --config.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    except UserError:
        raise
    except Exception as error:  # of YAML's types: an integer of 5,000 digits, the 31st of February, a time that is none
        raise UserError(f"{path} holds a value that cannot be read: {error}. Write a number or quoted text.") from error
