"""What every asset is built with: keys, code versions, lineage, and the one envelope around a materialisation."""
