"""How a picture was made, as its file says it: the IPTC digital source type, in XMP. Standard library only."""

from __future__ import annotations

import re

# https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE_TYPES = frozenset(
    {
        "algorithmicMedia",
        "algorithmicallyEnhanced",
        "composite",
        "compositeCapture",
        "compositeSynthetic",
        "compositeWithTrainedAlgorithmicMedia",
        "computationalCapture",
        "dataDrivenMedia",
        "digitalCapture",
        "digitalCreation",
        "humanEdits",
        "negativeFilm",
        "positiveFilm",
        "print",
        "screenCapture",
        "trainedAlgorithmicMedia",
        "virtualRecording",
    }
)
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_SAID = re.compile(
    rb"DigitalSourceType(?:\s{0,99}=\s{0,99}[\"']|\s{0,99}>|\s{1,99}rdf:resource\s{0,99}=\s{0,99}[\"'])"
    rb"\s{0,99}([^\"'<>\s]{1,200})"
)
"""Space has an end: in a packet of nothing else, the search for what follows it would not."""


def label(source_type: str) -> str:
    """An XMP packet that says how a picture was made, and nothing else."""
    return _PACKET.format(source_type)


def source_type_in(packet: bytes) -> str | None:
    """What an XMP packet says of how its picture was made: perhaps no IPTC term."""
    found = _SAID.search(packet)
    return found[1].decode("ascii", "replace").rstrip("/").rpartition("/")[2] if found else None
