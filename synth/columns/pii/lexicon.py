"""What column names say, in English, German, French and Spanish, however their words are joined."""

from __future__ import annotations

from dataclasses import dataclass

from synth.columns.pii.people import fold
from synth.columns.pii.what import What
from synth.domain import plain_words


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words of a name without anything between them, so that phone_number, phoneNumber and phonenumber are one.
PHRASES = {
    What.EMAIL: """
        email emailaddress emailaddr mail mailaddress courriel correo correoelectronico
        emailadresse
    """,
    What.PHONE: """
        phone phonenumber phoneno telephone telefon telefonnummer telefono tel telno mobile
        mobilephone mobileno mobilenumber msisdn cell cellphone cellnumber handy handynummer
        rufnummer fax faxnumber movil portable portablenumber whatsapp
    """,
    What.CARD: """
        card cardnumber cardno creditcard creditcardnumber ccnumber ccnum debitcard pan
        kreditkarte kreditkartennummer kartennummer cartebancaire numerocarte tarjeta
        numerotarjeta tarjetacredito
    """,
    What.IBAN: """
        iban
    """,
    What.SSN: """
        ssn socialsecurity socialsecuritynumber
    """,
    What.IP: """
        ip ipaddress ipaddr ipv4 ipv6 clientip remoteip remoteaddr ipadresse adresseip
        direccionip
    """,
    What.MAC: """
        macaddress macaddr
    """,
    What.URL: """
        url uri website webpage homepage permalink
    """,
    What.TOKEN: """
        token password passwd pwd passwort motdepasse contrasena secret apikey accesskey hash
        passwordhash salt fingerprint signature cookie otp
    """,
    What.COORDINATES: """
        coordinates latlon latlng latlong geolocation gps
    """,
    What.FIRST_NAME: """
        firstname fname givenname forename vorname prenom nombredepila middlename secondname
        zweitername rufname primernombre
    """,
    What.LAST_NAME: """
        lastname lname surname familyname nachname familienname nomdefamille apellido apellidos
        maidenname geburtsname primerapellido segundoapellido
    """,
    What.FULL_NAME: """
        fullname nomcomplet nombrecompleto vollername displayname legalname cardholder
    """,
    What.STREET: """
        address addr street streetaddress streetname addressline adresse anschrift strasse hausnummer rue
        voie direccion calle
        domicilio
    """,
    What.CITY: """
        city town village municipality ort stadt wohnort ville commune ciudad localidad
        municipio
    """,
    What.POSTCODE: """
        zip zipcode postcode postalcode plz postleitzahl codepostal codigopostal cp
    """,
    What.BIRTH: """
        dob birth birthdate birthday birthdt dateofbirth bday geburtstag geburtsdatum naissance
        datenaissance datedenaissance nacimiento fechanacimiento fechadenacimiento born
    """,
    What.LOGIN: """
        username login loginname userlogin handle nickname screenname benutzername identifiant
        usuario
    """,
    What.NUMBER: """
        passport passportnumber passportno reisepass pasaporte passeport taxid taxnumber vatid
        vatnumber steuernummer steuerid ustid nif dni nie cif siret siren accountnumber
        accountno acctno acctnumber kontonummer bankaccount numerocuenta numerodecuenta
        driverslicense driverlicense licensenumber licenseplate numberplate licenceplate
        kennzeichen matricula nationalid personalausweis ausweisnummer sozialversicherungsnummer
        nino nhsnumber insurancenumber policynumber membernumber membershipnumber customernumber
        kundennummer medicalrecordnumber mrn imei imsi serialnumber vin invoicenumber invoiceno
        rechnungsnummer orderno ordernumber bestellnummer bic swift routingnumber deviceid
    """,
    What.NOTE: """
        note notes comment comments remark remarks description message body text freetext
        feedback review notiz notizen kommentar bemerkung bemerkungen beschreibung nachricht
        remarque remarques commentaire commentaires nota notas comentario comentarios
        observaciones observations memo bio narrative transcript
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
    conductor employe salarie titulaire emergency
    """
)
# Columns of these are called names, too, and hold labels that are also given to people: Paris, Jordan, May.
THINGS = _set(
    """
    product item article company organisation organization org firm business brand model file
    filename host domain city town country state region province county continent place location
    site airport station street month day weekday week season quarter event campaign category
    department dept team group class type plan package color colour language lang currency channel
    device browser platform os app application project task job position role title school
    university hotel restaurant store shop branch warehouse table column schema database server
    service function feature metric page screen song album artist movie book genre species plant
    animal pet breed drug disease test stage status segment tier level size code supplier merchant
    bank produkt firma land stadt monat ville pays produit ciudad pais producto empresa marke marque
    marca farbe couleur zone area theme variety variant material style ship vessel storm
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
HASHED = _set(
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
class Said:
    """What a column name says.

    Attributes:
        what: which identifiers it names, if any.
        person: whether it may be about people, without saying what of them.
        thing: whether it names something other than people.
    """

    what: What | None = None
    person: bool = False
    thing: bool = False


def words_of(name: str) -> list[str]:
    """The words of `user_id`, `userId`, `UserID` and `user-id`, in lower case."""
    return [fold(word) for word in plain_words(name)]


def read_name(name: str) -> Said:
    """What a column called `name` holds, as far as that says so."""
    words = words_of(name)
    thing = bool(THINGS & set(words))
    if not words or words[0] in PREFIXES:
        return Said(thing=thing)
    if words[-1] in HASHED:
        return Said(What.TOKEN)
    what, end = _longest(words)
    if what is not None and (end == len(words) or words[-1] not in QUALIFIERS):
        return Said(what, thing=thing and what not in {What.CITY, What.STREET})
    named, person = bool(NAME & set(words)), bool(PEOPLE & set(words))
    if named and person and not thing:
        return Said(What.FULL_NAME)
    return Said(person=(named or person) and not thing, thing=thing)


def read_label(label: str) -> What | None:
    """What a classifier, a tag or a value of `meta` calls a column: `pii.email`, `contains_phone`."""
    words = words_of(label)
    what, end = _longest(words)
    if what is not None and end == len(words):
        return what
    if HASHED & set(words[-1:]):
        return What.TOKEN
    return What.FULL_NAME if NAME & set(words[-1:]) and not THINGS & set(words) else None


def is_personal(label: str) -> bool:
    """Whether a label says that a column is about a person, without saying what it holds."""
    words = words_of(label)
    return "".join(words) in PERSONAL or bool(words and words[0] in PERSONAL)


def _longest(words: list[str]) -> tuple[What | None, int]:
    """What the longest phrase within `words` means, the last one of several, and where it ends."""
    found: What | None = None
    longest, end = 0, 0
    for start in range(len(words)):
        for stop in range(start + 1, min(start + 4, len(words)) + 1):
            phrase = "".join(words[start:stop])
            what = BY_PHRASE.get(phrase) or BY_PHRASE.get(phrase.rstrip("0123456789"))
            if what is not None and stop - start >= longest:
                found, longest, end = what, stop - start, stop
    return found, end
