"""Is a file valid by speedscope's own JSON schema? speedscope_schema.py FILE.

The schema is the one in the npm package (dist/release/file-format-schema.json). It is stricter than the app in some
places (null for an absent `file`, `line`, `activeProfileIndex`) and laxer in others: unclosed frames, decreasing `at`,
samples without weights, frame indices past the end all pass here and fail there. Files that are not JSON fail.
Exits 0 if valid; 1 with the list of `errors` (path and message, at most 20) on stdout if not.
"""

import importlib.metadata
import json
import os
import sys

import canon
import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = os.environ.get("PROFKIT_REFERENCE", os.path.join(ROOT, ".reference"))
PACKAGE = os.path.join(REFERENCE, "node", "node_modules", "speedscope")
MOST = 20


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: speedscope_schema.py FILE")
    with open(os.path.join(PACKAGE, "dist", "release", "file-format-schema.json"), "rb") as file:
        schema = json.load(file)
    with open(os.path.join(PACKAGE, "package.json"), "rb") as file:
        version = json.load(file)["version"]
    with open(arguments[0], "rb") as file:
        document = json.load(file)
    validator = jsonschema.validators.validator_for(schema)(schema)
    errors = []
    for error in validator.iter_errors(document):
        if len(errors) == MOST:
            break
        errors.append({"path": canon.text(error.json_path), "message": canon.text(error.message[:300])})
    canon.emit(
        {
            "tool": {"name": "jsonschema", "version": importlib.metadata.version("jsonschema")},
            "speedscope": version,
            "valid": not errors,
            "errors": errors,
        }
    )
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
