"""What column names say, in English, German, French, Spanish and Italian, however their words are joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from synth.columns.pii.people import fold
from synth.columns.pii.what import IdentifierKind
from synth.domain import plain_words

if TYPE_CHECKING:
    from collections.abc import Iterable


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words of a name without anything between them, so that phone_number, phoneNumber and phonenumber are one.
PHRASES = {
    IdentifierKind.EMAIL: """
        email emailaddress emailaddr mail mailaddress courriel correo correoelectronico
        emailadresse postaelettronica indirizzoemail
    """,
    IdentifierKind.PHONE: """
        phone phonenumber phoneno telephone telefon telefonnummer telefono tel telno mobile
        mobilephone mobileno mobilenumber msisdn cell cellphone cellnumber handy handynummer
        rufnummer fax faxnumber movil portable portablenumber whatsapp cellulare recapito
        numeroditelefono numerotelefono numerocellulare
    """,
    IdentifierKind.CARD: """
        card cardnumber cardno creditcard creditcardnumber ccnumber ccnum debitcard pan
        kreditkarte kreditkartennummer kartennummer cartebancaire numerocarte tarjeta
        numerotarjeta tarjetacredito cartadicredito numerocarta
    """,
    IdentifierKind.IBAN: """
        iban
    """,
    IdentifierKind.SSN: """
        ssn socialsecurity socialsecuritynumber
    """,
    IdentifierKind.IP: """
        ip ipaddress ipaddr ipv4 ipv6 clientip remoteip remoteaddr ipadresse adresseip
        direccionip
    """,
    IdentifierKind.MAC: """
        macaddress macaddr
    """,
    IdentifierKind.URL: """
        url uri website webpage homepage permalink
    """,
    IdentifierKind.TOKEN: """
        token password passwd pwd passwort motdepasse contrasena secret apikey accesskey hash
        passwordhash salt fingerprint signature cookie otp
    """,
    IdentifierKind.COORDINATES: """
        coordinates latlon latlng latlong geolocation gps
    """,
    IdentifierKind.FIRST_NAME: """
        firstname fname givenname forename vorname prenom nombredepila middlename secondname
        zweitername rufname primernombre nomedibattesimo
    """,
    IdentifierKind.LAST_NAME: """
        lastname lname surname familyname nachname familienname nomdefamille apellido apellidos
        maidenname geburtsname primerapellido segundoapellido cognome cognomi
    """,
    IdentifierKind.FULL_NAME: """
        fullname nomcomplet nombrecompleto vollername displayname legalname cardholder nomecompleto
        nominativo nomecognome cognomenome nomeecognome cognomeenome
    """,
    IdentifierKind.STREET: """
        address addr street streetaddress streetname addressline adresse anschrift strasse hausnummer rue
        voie direccion calle
        domicilio indirizzo numerocivico
    """,
    IdentifierKind.CITY: """
        city town village municipality ort stadt wohnort ville commune ciudad localidad
        municipio citta localita comune comunedinascita comunediresidenza
    """,
    IdentifierKind.POSTCODE: """
        zip zipcode postcode postalcode plz postleitzahl codepostal codigopostal cp
        codicepostale codiceavviamentopostale
    """,
    IdentifierKind.BIRTH: """
        dob birth birthdate birthday birthdt dateofbirth bday geburtstag geburtsdatum naissance
        datenaissance datedenaissance nacimiento fechanacimiento fechadenacimiento born
        nascita datanascita datadinascita
    """,
    IdentifierKind.LOGIN: """
        username login loginname userlogin handle nickname screenname benutzername identifiant
        usuario nomeutente
    """,
    IdentifierKind.NUMBER: """
        passport passportnumber passportno reisepass pasaporte passeport taxid taxnumber vatid
        vatnumber steuernummer steuerid ustid nif dni nie cif siret siren accountnumber
        accountno acctno acctnumber kontonummer bankaccount numerocuenta numerodecuenta
        driverslicense driverlicense licensenumber licenseplate numberplate licenceplate
        kennzeichen matricula nationalid personalausweis ausweisnummer sozialversicherungsnummer
        nino nhsnumber insurancenumber policynumber membernumber membershipnumber customernumber
        kundennummer medicalrecordnumber mrn imei imsi serialnumber vin invoicenumber invoiceno
        rechnungsnummer orderno ordernumber bestellnummer bic swift routingnumber deviceid
        codicefiscale partitaiva passaporto cartadidentita cartaidentita patente patentediguida
        numeropatente targa numeroconto numerodiconto tesserasanitaria telaio
    """,
    IdentifierKind.NOTE: """
        note notes comment comments remark remarks description message body text freetext
        feedback review notiz notizen kommentar bemerkung bemerkungen beschreibung nachricht
        remarque remarques commentaire commentaires nota notas comentario comentarios
        observaciones observations memo bio narrative transcript testo messaggio descrizione commento
        commenti osservazioni annotazioni
    """,
}
BY_PHRASE = {phrase: what for what, phrases in PHRASES.items() for phrase in phrases.split()}
NAME = _set("name names nom nombre nome")  # of people, or of anything else
PEOPLE = _set(
    """
    person people customer client user guest passenger patient employee contact member owner holder
    manager agent rep salesperson author host driver doctor physician nurse teacher student player
    buyer seller vendor recipient sender reviewer subscriber donor candidate applicant beneficiary
    tenant payer payee spouse parent guardian staff worker operator assignee requester kunde kunden
    kundin mitarbeiter patientin ansprechpartner fahrer inhaber cliente clientes empleado paciente
    conductor employe salarie titulaire emergency professor lecturer tutor adviser advisor counselor
    counsellor lehrer lehrerin dozent dozentin schueler schuelerin studentin mitglied etudiant etudiante
    eleve enseignant enseignante professeur formateur adherent assure locataire apprenant conseiller profesor
    profesora alumno alumna docente estudiante clienti utente utenti paziente pazienti dipendente
    dipendenti impiegato collaboratore dottore studente studenti alunno alunna allievo allieva insegnante
    professore autista titolare intestatario proprietario inquilino locatario venditore acquirente
    destinatario mittente socio socia soci membro iscritto iscritti assicurato abbonato abbonati contraente
    beneficiario genitore tutore referente ospite passeggero persona persone
    """
)
# Whose names are as good as those of people, where rows do not share them.
FIRMS = _set(
    """
    company firm organisation organization org employer firma unternehmen arbeitgeber societe entreprise
    employeur empresa empleador azienda aziende ditta impresa societa
    """
)
# What kind of name it is that a firm has: `trading_name`, `doing_business_as`.
NAMES_OF_FIRMS = frozenset({"trading", "business", "legal", "registered", "dba"})
# Columns of these are called names, too, and hold labels that are also given to people: Paris, Jordan, May.
THINGS = _set(
    """
    tariff tarif fare offer
    product item article company organisation organization org firm business brand model file
    filename host domain city town country state region province county continent place location
    site airport station street month day weekday week season quarter event campaign category
    department dept team group class type plan package color colour language lang currency channel
    device browser platform os app application project task job position role title school
    university hotel restaurant store shop branch warehouse table column schema database server
    service function feature metric page screen song album artist movie film book genre species plant
    animal pet breed drug disease test stage status segment tier level size code supplier merchant
    bank produkt firma land stadt monat ville pays produit ciudad pais producto empresa marke marque
    marca farbe couleur zone area theme variety variant material style ship vessel storm
    race match game fixture tournament screening concert flight course lesson lecture exam webinar workshop
    semester term module programme program discipline degree diploma grade scale rating band sector industry
    holiday trimester
    categorie departement statut niveau etape quartier batiment salle magasin filiere matiere diplome mention
    bareme echelle cours module semestre trimestre mois jour semaine annee saison evenement campagne groupe
    classe formation rubrique modele gamme taille devise langue projet metier secteur specialite medicament
    kategorie abteilung stufe bezirk gebaeude standort fach modul kurs quartal woche jahr kampagne gruppe
    klasse studiengang abschluss modell groesse waehrung sprache kanal projekt branche sparte medikament
    categoria departamento tipo nivel etapa edificio sala sede materia asignatura curso modulo trimestre
    semana temporada evento campana grupo clase programa modelo talla moneda idioma proyecto tarifa
    tariffa offerta prodotto articolo azienda ditta modello citta comune regione paese stazione aeroporto
    negozio filiale magazzino mese giorno settimana anno stagione campagna reparto tipo livello classe
    gruppo progetto settore corso esame lingua valuta canale colore taglia edificio quartiere scuola
    albergo ristorante veicolo vettura autovettura marchio ruolo stato fase corsa gara partita
    """
)
# Last words that turn a column about an identifier into one about something else.
QUALIFIERS = _set(
    """
    type kind status state count cnt flag domain provider verified confirmed valid validated length
    len score rank optin optout consent source format at on date time ts timestamp year month day
    category group prefix suffix country lang language size template subject campaign enabled sent
    clicked opened delivered bounced preference preferences channel permission version build release
    network brand issuer scheme class level total amount sum usage id key place age weight order
    method reason result limit balance hour duration seconds minutes days ratio rate pct percent
    share index rows model plan os
    """
)
HASH_WORDS = _set(
    """
    hash hashed sha1 sha256 sha512 md5 encrypted
    """
)
PREFIXES = _set(
    """
    is has can was number num n nb nr count cnt total sum avg mean min max pct days hours
    """
)
PERSONAL = _set(
    """
    pii personal personaldata personalinformation personallyidentifiable
    personallyidentifiableinformation gdpr phi spi directidentifier identifier personenbezogen
    """
)


@dataclass(frozen=True, slots=True)
class NameHint:
    """What a column name says.

    Attributes:
        what: which identifiers it names, if any.
        person: whether it may be about people, without saying what of them.
        thing: whether it names something other than people.
    """

    what: IdentifierKind | None = None
    person: bool = False
    thing: bool = False


def words_of(name: str) -> list[str]:
    """Return the words of `user_id`, `userId`, `UserID` and `user-id`, in lower case."""
    return [fold(word) for word in plain_words(name)]


def read_name(name: str) -> NameHint:
    """Return what a column called `name` holds, as far as that says so."""
    words = words_of(name)
    thing = bool(THINGS & set(words))
    if not words or words[0] in PREFIXES:
        return NameHint(thing=thing)
    if words[-1] in HASH_WORDS:
        return NameHint(IdentifierKind.TOKEN)
    what, end = _longest(words)
    is_whole = end == len(words) or words[-1] not in QUALIFIERS
    if what is not None and (is_whole or (what is IdentifierKind.POSTCODE and words[-1] == "prefix")):
        return NameHint(what, thing=thing and what not in {IdentifierKind.CITY, IdentifierKind.STREET})
    has_name_word, person = bool(NAME & set(words)), bool(PEOPLE & set(words))
    if has_name_word and person and (not thing or _names_somebody(words)):
        return NameHint(IdentifierKind.FULL_NAME, thing=False)
    return NameHint(person=(has_name_word or person) and not thing, thing=thing)


def _names_somebody(words: list[str]) -> bool:
    """Return whether somebody stands beside the word for a name: `project_manager_name`, `nom_client`."""
    somebody = PEOPLE - THINGS
    return any({*pair} & NAME and {*pair} & somebody for pair in pairwise(words))


def read_beside(name: str, others: Iterable[str]) -> NameHint:
    """Return what a column holds, of which others of its table may say more.

    What is called a name and nothing else is a surname beside a first name of the same person (`prenom` and
    `nom`, `client_prenom` and `client_nom`), and a first name beside a surname (`nombre` and `apellidos`).
    """
    hint, words = read_name(name), words_of(name)
    rest = [word for word in words if word not in NAME]
    if hint.what not in {None, IdentifierKind.FULL_NAME} or len(rest) != len(words) - 1:
        return hint
    parts = {part[0] for other in others if (part := _part_of_name(other)) and part[1] == rest}
    if len(parts) != 1:
        return hint
    is_first = IdentifierKind.LAST_NAME in parts
    return replace(hint, what=IdentifierKind.FIRST_NAME if is_first else IdentifierKind.LAST_NAME)


def _part_of_name(name: str) -> tuple[IdentifierKind, list[str]] | None:
    """Return which part of a name a column is called as, and the other words of its own name."""
    words = words_of(name)
    for start in range(len(words)):
        for stop in range(len(words), start, -1):
            what = BY_PHRASE.get("".join(words[start:stop]))
            if what in {IdentifierKind.FIRST_NAME, IdentifierKind.LAST_NAME}:
                return what, words[:start] + words[stop:]
    return None


def is_name(name: str) -> bool:
    """Return whether a column is called a name and nothing else: `name`, `nom`."""
    words = words_of(name)
    return len(words) == 1 and words[0] in NAME


def names_firm(name: str) -> bool:
    """Return whether a column is called as the name of a firm: `company`, `trading_name`, `firma`."""
    words = words_of(name)
    if words[-1:] == ["as"] or words == ["dba"] or (words and words[-1] in NAME and not FIRMS & {*words}):
        return bool(NAMES_OF_FIRMS & {*words})
    return words[-1:] != [] and words[-1] in NAME | FIRMS and bool(FIRMS & set(words))


def read_label(label: str) -> IdentifierKind | None:
    """Return what a classifier, a tag or a value of `meta` calls a column: `pii.email`, `contains_phone`."""
    words = words_of(label)
    what, end = _longest(words)
    if what is not None and end == len(words):
        return what
    if HASH_WORDS & set(words[-1:]):
        return IdentifierKind.TOKEN
    return IdentifierKind.FULL_NAME if NAME & set(words[-1:]) and not THINGS & set(words) else None


def is_personal(label: str) -> bool:
    """Return whether a label says that a column is about a person, without saying what it holds."""
    words = words_of(label)
    return "".join(words) in PERSONAL or bool(words and words[0] in PERSONAL)


def _longest(words: list[str]) -> tuple[IdentifierKind | None, int]:
    """Return what the longest phrase within `words` means, the last one of several, and where it ends."""
    longest_match: IdentifierKind | None = None
    longest, end = 0, 0
    for start in range(len(words)):
        for stop in range(start + 1, min(start + 4, len(words)) + 1):
            phrase = "".join(words[start:stop])
            what = BY_PHRASE.get(phrase) or BY_PHRASE.get(phrase.rstrip("0123456789"))
            if what is not None and stop - start >= longest:
                longest_match, longest, end = what, stop - start, stop
    return longest_match, end
