"""YAML with places: text into nodes, nodes into dataclasses, dataclasses into JSON Schema. Reads no files."""
