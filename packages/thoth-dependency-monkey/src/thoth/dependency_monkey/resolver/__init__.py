"""The resolver: version sets, universe, PubGrub search, proof, graph. Pure: no I/O, no clock."""
