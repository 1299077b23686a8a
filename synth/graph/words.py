"""What names say of columns and models that refer to each other; values decide, names only suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.columns.pii.lexicon import PEOPLE
from synth.domain import plain_words, split_words

if TYPE_CHECKING:
    from collections.abc import Collection

# Last words of names of identifiers, which are no part of what is identified.
ENDINGS = frozenset(
    [
        "id",
        "key",
        "uuid",
        "guid",
        "pk",
        "fk",
        "sk",
        "no",
        "nr",
        "num",
        "number",
        "ref",
        "reference",
        "code",
        "nummer",
        "numero",
        "codice",
    ]
)
SHORTEST = 3  # letters that a word keeps when it is put into the singular
# First words of models that say in which layer they are.
LAYERS = frozenset(
    [
        "dim",
        "fct",
        "fact",
        "facts",
        "stg",
        "staging",
        "int",
        "raw",
        "base",
        "src",
        "mart",
        "rpt",
        "snap",
        "agg",
        "tmp",
        "d",
        "f",
    ]
)
# Whom rows are about beside those whose names are looked for.
MORE_ENTITIES = """
    account citizen resident household pupil learner child mother father insured policyholder claimant
    participant respondent subject visitor rider signup lead attendee cardholder borrower voter inmate
    plaintiff defendant trainee freelancer contractor benutzer nutzer mitglied versicherter schueler mieter
    konto utilisateur eleve membre compte usuario alumno miembro socio cuenta utente conto conti
    famiglia famiglie cittadino residente minore alunni lavoratore
"""
ENTITIES = PEOPLE | frozenset(MORE_ENTITIES.split())
# Whom one trades with, and who is in charge: no entities of rows, but people, or perhaps people.
PARTY_WORDS = """
    firm company firma unternehmen betrieb entreprise societe empresa payee
    partner supplier dealer reseller merchant trader broker consignee landlord proprietor
    responsible clerk coach leader supervisor head director principal duty abnehmer besteller
    auftraggeber auftragnehmer lieferant haendler händler vertreter vertretung berater betreuer
    bearbeiter zustaendig zuständig verantwortlich verantwortlicher leiter leitung leiterin chef
    chefin arzt ärztin aerztin eigentuemer eigentümer vermieter hausmeister trainer pfleger
    responsable gerant directeur proprietaire acheteur vendeur fournisseur revendeur medecin
    encargado gerente comprador vendedor proveedor jefe medico azienda ditta impresa societa fornitore
    fornitori rivenditore concessionario agente responsabile direttore direttrice supervisore
"""
PARTIES = ENTITIES | frozenset(PARTY_WORDS.split())
# Firms whose goods are sold, and what tables of goods are called.
MAKER_WORDS = """
    supplier vendor manufacturer maker producer brand publisher importer distributor lieferant hersteller
    verlag marke fournisseur fabricant marque proveedor fabricante marca fornitore fornitori produttore
    produttori fabbricante editore marchio
"""
MAKERS = frozenset(MAKER_WORDS.split())
GOODS_WORDS = """
    product item article sku good merchandise catalog catalogue part material book title film movie song album
    tariff tarif fare plan offer menu dish
    produkt artikel ware katalog teil produit catalogue producto articulo catalogo prodotto prodotti
    articolo articoli merce tariffa tariffe offerta offerte listino
"""
GOODS = frozenset(GOODS_WORDS.split())
# Where somebody lives, which is not whom a row is about.
PLACE_WORDS = """
    city town village municipality country state region province county district canton continent postcode
    zip ort stadt gemeinde kreis bezirk bundesland land ville commune pays departement ciudad municipio
    pais provincia citta comune regione paese localita
"""
PLACES = frozenset(PLACE_WORDS.split())
# Where anybody may go in, so that its town and street lead to no one; and who carries for anybody.
PREMISES_WORDS = """
    store shop branch outlet warehouse depot plant factory airport station terminal hotel restaurant school
    university hospital clinic museum library inn hostel lodge venue salon gym pharmacy cinema theatre theater
    campus studio garage property filiale laden lager werk bahnhof schule magasin succursale
    tienda sucursal almacen shipper carrier airline railway spedition transporteur transportista
    negozio negozi filiali magazzino magazzini deposito stabilimento fabbrica aeroporto stazione stazioni
    albergo alberghi ristorante ristoranti scuola scuole universita ospedale ospedali clinica museo
    biblioteca palestra farmacia teatro corriere corrieri vettore
"""
PREMISES = frozenset(PREMISES_WORDS.split())
HOMES = frozenset({"property"})  # of somebody, where there are many,
MOST_OF_A_FIRM = 20  # and not hotels
# Whatever else opens its doors some day, and what that day is called.
LOCATION_WORDS = """
    location site hub office facility center centre standort niederlassung entrepot agence planta oficina
    sede sedi ufficio uffici centro centri impianto
"""
LOCATIONS = PREMISES | frozenset(LOCATION_WORDS.split())
OPENING_WORDS = """
    open opens opened opening close closes closed closing launched inaugurated eroeffnet eröffnet
    eroeffnung eröffnung geschlossen schliessung schließung ouvert ouverture ferme fermeture apertura
    abierto cierre cerrado aperto aperta chiuso chiusa chiusura inaugurato
"""
OPENINGS = frozenset(OPENING_WORDS.split())
# Those of them that are called after saints and the dead; who has a shop may give it the own name.
NAMED_WORDS = """
    airport station school university hospital museum library campus bahnhof schule
    aeroporto stazione stazioni scuola scuole universita ospedale ospedali museo biblioteca
"""
NAMED_AFTER_OTHERS = frozenset(NAMED_WORDS.split())
LONG_WORD = 6  # letters of a word that ends a longer one, as in `filialleitung`
# Words of columns that name another row of their own table.
ABOVE = frozenset(
    [
        "parent",
        "manager",
        "supervisor",
        "boss",
        "mentor",
        "deputy",
        "predecessor",
        "previous",
        "referrer",
        "chief",
        "head",
        "reports",
        "referred",
        "invited",
        "vorgesetzter",
        "vorgesetzte",
    ]
)

# Last words of columns that name who did something, or whose turn it is: `decided_by`, `assigned_to`.
DOERS = frozenset(["by", "to", "von", "durch", "an", "par", "por"])
# What people are to a row, whatever table they are in.
ROLE_WORDS = """
    owner manager approver reviewer rep salesperson agent assignee author operator creator editor requester
    reporter supervisor leader head director coach clerk mentor responsible bearbeiter betreuer berater
    vertreter leiter leiterin leitung vorgesetzter vorgesetzte verantwortlich verantwortlicher
    ansprechpartner responsable gerant directeur encargado gerente jefe
    responsabile referente direttore operatore autore assegnatario
"""
ROLES = frozenset(ROLE_WORDS.split())


def stem(name: str, vocabulary: Collection[str] = ENTITIES) -> str:
    """Return the subject of a column or model: `customer` of `customer_id` and `dim_customers`."""
    words = split_words(name, vocabulary)
    while len(words) > 1 and words[0] in LAYERS:
        words = words[1:]
    while words and words[-1] in ENDINGS:
        words = words[:-1]
    return "_".join([*words[:-1], *map(_singular, words[-1:])])


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > SHORTEST + 1:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "tches", "nches", "rches", "oaches", "shes", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > SHORTEST else word


def agree(child: str, parent: str, parent_model: str, vocabulary: Collection[str]) -> bool:
    """Return whether a column may refer to another by its name, as `home_address_id` may to `address_id`.

    Who says `payments` counts or lists them.
    """
    last = split_words(child, vocabulary)[-1:]
    if child != parent and last != [*map(_singular, last)]:
        return False
    mine = stem(child, vocabulary)
    theirs = stem(parent, vocabulary) or stem(parent_model, vocabulary)
    return bool(mine and theirs) and (mine == theirs or mine.endswith(f"_{theirs}"))


def is_somebody(name: str, vocabulary: Collection[str] = ENTITIES) -> bool:
    """Return whether a column or model is named as one about people or their accounts."""
    return bool(set(stem(name, {*vocabulary, *ENTITIES}).split("_")) & ENTITIES)


def names_entity(column: str) -> bool:
    """Return whether a column is called as nothing but somebody: `client`; `clients` counts them."""
    last = split_words(column, ENTITIES)[-1:]
    return stem(column) in ENTITIES and last == [*map(_singular, last)]


def names_place(column: str) -> bool:
    """Return whether a column is called as where something is: `city_id`."""
    return stem(column).split("_")[-1] in PLACES


def names_party(column: str) -> bool:
    """Return whether a column is called as somebody, or as whom one trades with, or who is in charge."""
    last = stem(column).split("_")[-1]
    return last in PARTIES or any(last.endswith(word) for word in PARTIES if len(word) >= LONG_WORD)


def names_role(column: str) -> bool:
    """Return whether a column is called as who did something or is in charge: `decidedBy`, `approver_id`."""
    words = stem(column).split("_")
    return words[-1] in ROLES or (len(words) > 1 and words[-1] in DOERS)


def names_row_above(name: str) -> bool:
    """Return whether a column is called as one that names another row of its own table."""
    return bool(set(plain_words(name)) & ABOVE)


def is_maker(name: str) -> bool:
    """Return whether a model is named as one of firms whose goods are sold."""
    return stem(name, MAKERS).split("_")[-1] in MAKERS


def is_goods(name: str) -> bool:
    """Return whether a model is named as one of goods."""
    return bool(set(stem(name, GOODS).split("_")) & GOODS)


def is_premises(name: str, rows: int) -> bool:
    """Return whether a model of so many rows is named as one of shops, warehouses, carriers, and the like."""
    return _is_one_of(name, PREMISES, rows)


def is_named_after_others(name: str) -> bool:
    """Return whether a model is named as one of places that bear names of people who do not run them."""
    return _is_one_of(name, NAMED_AFTER_OTHERS, 0)


def is_location(name: str, rows: int) -> bool:
    """Return whether a model is named as one of places that open: premises, offices, locations."""
    return _is_one_of(name, LOCATIONS, rows)


def _is_one_of(name: str, words: frozenset[str], rows: int) -> bool:
    word = stem(name, words).split("_")[-1]
    return word in words and (rows < MOST_OF_A_FIRM or word not in HOMES)
