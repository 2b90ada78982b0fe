"""The words of a claim code: 1,600 in English and 1,600 in Spanish, so that five numbers can be said in either.

They are those of the package `mnemonic` (the lists of Bitcoin's BIP 39), chosen so that the first four letters tell a
word from every other one of its list. The ones that could upset somebody, or be taken for another, are left out below.
What is left must never change: codes that people wrote down would mean something else. A test holds it.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib import resources

ENGLISH, SPANISH = "en", "es"
FILES = {ENGLISH: "english.txt", SPANISH: "spanish.txt"}
MANY = 1_600  # words that are used of each list
SHORTEST = 4  # letters that are enough, if the word has more

# Why, and which.
_NOT_ENGLISH: tuple[tuple[str, str], ...] = (
    (
        "drugs, drink and what goes with them",
        "abuse acid addict alcohol bag bar brick brown bundle candy casino chase cigar clap clean cook cotton crack "
        "crystal deal dirt dose dragon drink filter fix foil glass grass habit high ice inhale inject junk mix "
        "mushroom party patch pill pipe plug powder shoot smoke sniff snow speed spike spoon stamp stuff swallow "
        "syrup tobacco track trip usage use used useful useless vapor wine ",
    ),
    (
        "police, courts, prison and borders",
        "accuse agent alien arrest badge betray blame border cage case chief citizen client control crime "
        "critic custom defense denial deny deputy detect dismiss document enforce escape evidence exclude "
        "exile expose false fault federal fence fine guard guilt hidden illegal inmate inquiry judge law "
        "lawsuit legal liar lock obey offer patrol penalty permit police prison proof protect record refuse "
        "reject release report search secret seek sentence sheriff siren spy suspect trap trial visa witness ",
    ),
    (
        "weapons, war and violence",
        "anger angry arm armed armor army arrow assault attack battle blade blast blood bomb bullet bunker "
        "burst cannon chaos crash cruel crush damage danger destroy enemy erupt evil fire force fury ghost "
        "gun harsh hazard horror hunt hurt inflict injury kick knife master monster nuclear panic pistol "
        "punch push razor rebel rifle riot scare shock shove siege slab slam slice soldier stick sting strike "
        "struggle swear sword target torch trigger trouble veteran vicious warfare warrior weapon whip wreck "
        "wrestle ",
    ),
    (
        "illness, death, grief and loss",
        "abandon anxiety asthma awful baby bleak blind bone brain burden child chronic cliff clinic crazy "
        "crouch cry decline despair disease disorder divorce dizzy doctor dumb dust emotion end endless "
        "exhaust expire fade faint fall fatal fatigue fever fragile gloom grief health hospital ill illness "
        "immune infant insane kidney lonely mad misery miss neglect nerve nurse organ orphan patient pulse "
        "regret sad sadness sick skull sorry stomach suffer symptom tissue tragic unhappy virus void worry ",
    ),
    (
        "bodies, and insults",
        "chicken diet donkey dwarf elephant fat garbage gorilla lazy monkey mule nasty nut odor peasant pig "
        "rude skin slender slim snake tired toilet trash turkey ugly unfair wasp waste weasel weird whale "
        "wrong ",
    ),
    ("sex", "bottom duck exhibit exotic female finger kiss pluck shaft tongue "),
    ("religion and descent", "bless cross faith goddess gospel miracle purity race ritual soul spirit supreme tribe "),
    ("poverty", "afford bench broken budget cash cheap debate fee hungry loan payment poverty rent street tent "),
    (
        "sound like another word",
        "aisle alter angle aunt base bean board ceiling census cereal core creek cruise deer desert "
        "earn eight flee flower gate gauge great hair hole hour idle jeans knee knock know later maid "
        "mail main maze meat medal merry minor morning muscle one pair pause peace pear piece pole "
        "rain raise right ring road route sail scene sea sell sense sight steak steel tail then "
        "there they tide toe two wait wear weather where wood wrap write ",
    ),
    (
        "cannot be spelled, or are words of these pages",
        "address cancel code erase leave negative okay recall satoshi test text ",
    ),
)
_NOT_SPANISH: tuple[tuple[str, str], ...] = (
    (
        "drugs, drink and what goes with them",
        "adicto aguja algodón amapola bebida bolsa caballo cigarro clínica cuchara curar dosis droga ebrio "
        "farmacia fumar gallo goma hielo hongo humo jeringa licor línea mula perico picar piedra pipa polvo química "
        "recaer receta remedio ron sidra tabaco talco terapia tiza trago vena viaje vicio vidrio vino ",
    ),
    (
        "police, courts, prison and borders",
        "abogado acusar aduana amparo asilo bozal cadena captar capucha cárcel celda chivo crimen culpa "
        "defensa delito detalle detener engaño espía esposa evadir exilio fallo falso farsa fianza fingir "
        "fraude fuga furgón guardia huida huir hurto ilegal imponer jaula juez juicio jurar juzgar ladrón "
        "libertad mafia multa negar orden pena permiso pleito policía preso prisión privar prueba rapto "
        "rechazo rehén reja rescate sanción sapo secreto severo soplar tajo testigo timo ",
    ),
    (
        "weapons, war and violence",
        "acoso arpón asalto ataque atroz azote batalla bestia bomba brusco bruto cañón chancla choque combate crudo "
        "dardo derrota duelo espada feroz flecha fuego furia fusil golpe grito guerra hacha herir hoguera "
        "hostil hundir ira lanza lucha maldad malo matar miedo militar mina misil morder odiar odio ofensa "
        "ogro pánico pegar pelea peligro puñal puño quemar rabia rapaz rencor romper ruina ruptura sable "
        "sangre soldado susto tanque temor terror tirón tormenta torpedo trauma tropa vampiro veneno vengar "
        "víctima voraz ",
    ),
    (
        "illness, death, grief and loss",
        "aborto agonía ahogo anemia bebé cadáver caída cajón cáncer ciego cojo cráneo cripta cuna débil dolor "
        "enfado enfermo examen faltar fatiga fiebre fobia fosa fracaso frágil grave gripe hígado hijo hueso "
        "inerte inmune lágrima lástima lesión letal llaga llanto llorar loco locura luto manco médula momia "
        "morir mortal muerte náusea nervio niñez niño olvido órgano peor perder pésimo pulmón pupa riesgo "
        "riñón sanidad sed soledad sordo sudor sufrir tos toser tóxico triste tuerto tumba tumor úlcera urna "
        "vejez viudo ",
    ),
    (
        "bodies, and insults",
        "abdomen abuso acné asno basura bobo bruja bufón burla burro calvo caspa cerdo cochino cutis delgado "
        "enano feo flaco foca gordo gorila grasa gusano hocico incapaz inútil joroba lacra larva limpio lombriz moho "
        "mugre necio nulo obeso payaso pellejo pereza perro pezuña piojo pulga queja rudo simio terco tonto "
        "tosco vaca vago viejo vulgar zurdo ",
    ),
    (
        "sex, and what is rude in some country of Latin America",
        "acoger amante año besar beso bicho bola buey cacao chupar coger cola cría culebra culto deseo "
        "desnudo faja folleto gemir gozar hembra huevo infiel íntimo juerga lamer leche lengua macho mamá "
        "meter mojar muslo orgía óvulo pájaro paloma papá parir pecho pelar pepino pichón pijama pisar pitón "
        "pompa pudor rabo recoger rosca sexo sexto sostén tetera tocar venir virgo yegua zorro ",
    ),
    (
        "religion and descent",
        "alma ateo cruz diablo divino etnia himno ídolo iglesia milagro misa mito monja moreno negro obispo "
        "oración orador pecado raza rezar rito sagrado santo satán secta sultán tabú tarot templo tribu ",
    ),
    ("poverty", "apuro calle choza deuda miseria pobre refugio renta vagar "),
    ("cannot be spelled or are words of these pages", "borrar código mensaje "),
)
LEFT_OUT = {ENGLISH: _NOT_ENGLISH, SPANISH: _NOT_SPANISH}


def spoken_in(language: str) -> str:
    """The list for a language: Spanish for any Spanish, and English for all that have none."""
    return SPANISH if language.partition("_")[0] == SPANISH else ENGLISH


@cache
def words(language: str) -> tuple[str, ...]:
    """The words of a list as they are shown. A word of both lists stands in the English one alone."""
    text = resources.files("mnemonic").joinpath("wordlist", FILES[language]).read_text("utf-8")
    left_out = {word for _why, some in LEFT_OUT[language] for word in some.split()}
    found = [word for word in unicodedata.normalize("NFC", text).split() if word not in left_out]
    if language != ENGLISH:
        other = {plain(word) for word in words(ENGLISH)}
        found = [word for word in found if plain(word) not in other]
    return tuple(found[:MANY])


def say(numbers: Sequence[int], language: str) -> list[str]:
    """Numbers below 1,600 as words."""
    listed = words(spoken_in(language))
    return [listed[number] for number in numbers]


def heard(typed: str, many: int) -> tuple[tuple[int, ...], ...]:
    """What so many typed words may stand for, all in one language: numbers, one or two times; none if no words of ours.

    Whole words count first, then what begins one word alone with four letters or more, and only then, where neither
    language has that, a slip: a letter wrong, missing, too many, or two swapped, where one word alone is that near. The
    same beginnings may stand in both lists, and then both count. So whatever is typed stands for two codes at most,
    which makes guessing twice as easy and no more.
    """
    said = _split(typed)
    if len(said) != many or not all(map(str.isalpha, said)):
        return ()
    for leniency in (1, 2):
        found = dict.fromkeys(numbers for language in FILES if (numbers := _read(said, language, leniency)))
        if found:
            return tuple(found)
    return ()


def too_few(typed: str, many: int) -> int:
    """How many words were typed, where they are too few; else 0. Whether they are ours does not count."""
    said = _split(typed)
    return len(said) if 0 < len(said) < many and all(word.isalpha() and len(word) < 12 for word in said) else 0


def _split(typed: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", plain(typed)) if not word.isdecimal()]  # some count them: 1. 2. 3.


def plain(text: str) -> str:
    """Without capitals and accents, as phones are typed on; an ñ counts as an n."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(each))


def _read(said: Sequence[str], language: str, leniency: int) -> tuple[int, ...] | None:
    numbers = []
    for word in said:
        number = _number(word, language, leniency)
        if number is None:
            return None
        numbers.append(number)
    return tuple(numbers)


def _number(said: str, language: str, leniency: int) -> int | None:
    exact, begun = _index(language)
    if said in exact:
        return exact[said]
    if leniency < 1:
        return None
    number = begun.get(said[:SHORTEST]) if len(said) >= SHORTEST else None
    if number is not None and plain(words(language)[number]).startswith(said):
        return number
    if leniency < 2:
        return None
    near = [number for word, number in exact.items() if _is_near(said, word)]
    return near[0] if len(near) == 1 else None


@cache
def _index(language: str) -> tuple[dict[str, int], dict[str, int]]:
    """Each word without accents, and the first letters of each, with its number."""
    exact = {plain(word): number for number, word in enumerate(words(language))}
    return exact, {word[:SHORTEST]: number for word, number in exact.items()}


def _is_near(said: str, word: str) -> bool:
    """Whether one letter is wrong, missing or too many, or two neighbours are swapped."""
    if abs(len(said) - len(word)) > 1 or (said[:1] != word[:1] and said[-1:] != word[-1:] and len(word) > 3):
        return False
    same = 0
    while same < min(len(said), len(word)) and said[same] == word[same]:
        same += 1
    rest, other = said[same:], word[same:]
    swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return rest[1:] == other[1:] or rest == other[1:] or rest[1:] == other or swapped
