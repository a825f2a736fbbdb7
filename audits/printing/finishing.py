"""What the layout engine leaves undone: PDF/UA-1 beside PDF/A-3a, and a field for the signature.

The field is invisible and made beforehand, with its place in the structure tree: one that a signing library makes is
not accessible. A visible stamp would bring a font that is not embedded; the document prints its signatures itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

FIELD = "IssuersSignature"
SAID = "Electronic signature of the organisation that issued this document"
END = b"</rdf:RDF>"
HIDDEN_AND_LOCKED = 132
LIST = "/L"
TABLE_HEAD, TABLE_BODY, HEADER_CELL = "/THead", "/TBody", "/TH"
IN_LISTS = ("/LI", "/L", "/Caption")
HEADINGS = [f"/H{level}" for level in range(1, 7)]
UA = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">\
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" \
xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" \
xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag>\
<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>\
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">\
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>\
<pdfaProperty:category>internal</pdfaProperty:category>\
<pdfaProperty:description>Part of PDF/UA that the document conforms to</pdfaProperty:description>\
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""


def finish(content: bytes) -> bytes:
    """Return the finished document. The same pages give the same bytes, for nothing is taken from a clock.

    Parameters
    ----------
    content : bytes
        Tagged PDF/A-3a from `setting`.
    """
    # Imported here: only the child that prints needs it.
    import pikepdf

    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        pdf.Root.Metadata = pdf.make_indirect(_describe(pdf))
        mend_structure(pdf.Root.StructTreeRoot)
        pdf.Root.AcroForm = pdf.make_indirect(pikepdf.Dictionary(Fields=pikepdf.Array([_add_field(pdf)]), SigFlags=0))
        # Objects one by one and their streams packed: whoever checks needs no more than zlib.
        pdf.save(written, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    return written.getvalue()


def mend_structure(tree: Any) -> None:
    """Put right what the layout engine leaves: boxes inside lists, levels left out, headers that do not say of what."""
    level = 0
    for element in list(_walk(tree)):
        kind = str(element.S)
        if kind == LIST:
            _put_up_items(element)
        elif kind == TABLE_HEAD:
            _say_scope(element, "/Column")
        elif kind == TABLE_BODY:
            _say_scope(element, "/Row")
        elif kind in HEADINGS:
            level = min(HEADINGS.index(kind) + 1, level + 1)
            if HEADINGS[level - 1] != kind:
                element.S = _name(HEADINGS[level - 1])


def _walk(element: Any) -> Iterator[Any]:
    """Every structure element, in reading order."""
    for child in _children(element):
        if "/S" in child:
            yield child
            yield from _walk(child)


def _children(element: Any) -> list[Any]:
    from pikepdf import Array, Dictionary

    below = element.get("/K", [])
    return [child for child in (below if isinstance(below, Array) else [below]) if isinstance(child, Dictionary)]


def _put_up_items(found: Any) -> None:
    """A column of a list is a box to the engine: its items belong to the list itself.

    What stands between two items, such as the space between a term and its meaning, goes into the first.
    """
    from pikepdf import Array

    items: list[Any] = []
    for child in _children(found):
        kind = str(child.get("/S"))
        if kind in IN_LISTS:
            items.append(child)
        elif any(str(below.get("/S")) in IN_LISTS for below in _children(child)):
            items += [below for below in _children(child) if str(below.get("/S")) in IN_LISTS]
        elif items:
            _append(items[-1], child)
    for item in items:
        item.P = found
    found.K = Array(items)


def _say_scope(part: Any, scope: str) -> None:
    """Headers above head columns, headers beside head rows. An empty list of headers would mean that there are none."""
    for cell in _walk(part):
        if str(cell.S) == HEADER_CELL and "/A" in cell:
            cell.A.Scope = _name(scope)
        elif "/A" in cell and "/Headers" in cell.A and not len(cell.A.Headers):
            del cell.A.Headers


def _append(item: Any, child: Any) -> None:
    """Add an element at the end of a list item, inside its body where it has one."""
    from pikepdf import Array

    bodies = [below for below in _children(item) if str(below.get("/S")) == "/LBody"]
    parent = bodies[-1] if bodies else item
    if not isinstance(parent.get("/K"), Array):
        parent.K = Array([parent.K] if "/K" in parent else [])
    child.P = parent
    parent.K.append(child)


def _name(text: str) -> Any:
    from pikepdf import Name

    return Name(text)


def _describe(pdf: Any) -> Any:
    """The document's own description with what PDF/UA adds, not packed, as archives want it."""
    import pikepdf

    written = pdf.Root.Metadata.read_bytes()
    if written.count(END) != 1:
        raise ValueError("the description of the document is not what the layout engine writes")
    stream = pikepdf.Stream(pdf, written.replace(END, UA + END))
    stream.Type, stream.Subtype = pikepdf.Name.Metadata, pikepdf.Name.XML
    return stream


def _add_field(pdf: Any) -> Any:
    """The empty signature field on the first page, with its element in the structure tree."""
    from pikepdf import Array, Dictionary, Name

    page, tree = pdf.pages[0].obj, pdf.Root.StructTreeRoot
    numbers = tree.ParentTree.Nums
    key = max((int(numbers[place]) for place in range(0, len(numbers), 2)), default=-1) + 1
    top = tree.K[0] if isinstance(tree.K, Array) else tree.K
    widget = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Sig,
            T=FIELD,
            TU=SAID,
            Rect=[0, 0, 0, 0],
            F=HIDDEN_AND_LOCKED,
            P=page,
            StructParent=key,
        )
    )
    element = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Form, P=top, Pg=page, Alt=SAID))
    element.K = Array([Dictionary(Type=Name.OBJR, Obj=widget, Pg=page)])
    if not isinstance(top.K, Array):
        top.K = Array([top.K])
    top.K.append(element)
    numbers.append(key)
    numbers.append(element)
    tree.ParentTreeNextKey = key + 1
    if "/Annots" not in page:
        page.Annots = Array([])
    page.Annots.append(widget)
    return widget
