"""The Finnish texts, written for this corpus. Minimal pairs for quantity, harmony, lips and tongue; see `texts`."""

from __future__ import annotations

LISTS = """
tuli, tuuli, tulli
kisa, kissa, kiisseli
tapan, tapaan, tappaa
mato, matto, maata
kuka, kukka, kuukausi
muta, mutta, muuta
sika, siika, silkka
pappa, tatti, kakku
kyy, kuu, kiila
tyyli, tuuli, tiili
söi, soi, sai
pää, puu, pyy
valita, valittaa, vallita
rakas, raskas, räkä
väri, vaari, vieri
kenkä, kengät, kangas
"""

SENTENCES = """
Saara keitti aamulla vahvaa kahvia.
Tuuli kaatoi vanhan puun pihalle.
Tuli lämmitti pienen mökin nopeasti.
Tulli tarkasti laivan lastin.
Kissa nukkuu sohvalla koko päivän.
Kisa päättyi vasta illan pimetessä.
Pöytä on täynnä tuoretta leipää.
Mummo kutoo sukkia talven varalle.
Yöllä järven yllä näkyi tähtiä.
Poika löysi rannalta sileän kiven.
Matto pitää viedä ulos tuulettumaan.
Mato luikerteli märässä mullassa.
Hyvä ystävä kylvää pellolla kauraa.
Näytä minulle uusi polkupyöräsi.
Bussi myöhästyi lumisateen takia.
Kuka toi kukan keittiön pöydälle?
Takki jäi eilen koulun naulaan.
Lehmät laiduntavat niityn reunassa.
Isoisä korjaa vanhaa venettä.
Sinä söit viimeisen mansikan.
Kello soi kirkossa puolelta päivin.
Pilvet peittivät kuun ja tähdet.
Kengät kastuivat lätäkössä.
Kenkä puristaa hiukan varpaista.
Muta tarttui saappaiden pohjiin.
Muuta en pyydä kuin rauhaa.
Äiti osti torilta siikaa ja perunoita.
Sika röhkii aitauksen nurkassa.
Tyttö hyppii narua pihan perällä.
Vaari väritti munia pääsiäisenä.
Tyyni meri kimalteli auringossa.
Ikkunan takana lauloi mustarastas.
Opettaja kirjoitti taululle vaikean sanan.
Jäätelö suli kuppiin liian nopeasti.
Metsässä kasvaa mustikoita ja sieniä.
Koulun jälkeen menemme uimaan.
Rakas sisko lähetti raskaan paketin.
Lakki lensi tuulen mukana jokeen.
Lakka kypsyy suolla heinäkuussa.
Huomenna täytyy herätä aikaisin.
"""

SPONTANEOUS = """
Öö, no mä kävin eilen siellä uudessa kaupassa.
Se oli niinku, tosi kiva ilta kyllä.
Me mentiin me- mentiin junalla Turkuun.
Tota, en mä oikein tiedä siitä mitään.
Joo, niin siis se koira karkasi taas.
Kesällä me ollaan yleensä, öö, mökillä saaressa.
Mun pitäis varmaan soittaa sille huomenna.
No kun se bussi, se ei tullut ollenkaan.
Ja sitten se lu- luki sen kirjan loppuun.
Hmm, ehkä se on siellä kaapin päällä.
Mä tykkään enemmän talvesta, tai siis, syksystä.
Niin, no, se riippuu vähän säästä.
Yks kaveri kertoi että siellä sataa lunta.
Öö, mikä sen nimi nyt olikaan.
Sit me syötiin, tota, lohikeittoa ja leipää.
Mä oon asunut täällä kol- kolme vuotta.
"""

ACTIONS = {"put": "Laita", "take": "Vie", "return": "Palauta"}
OBJECTS = {"cup": "kuppi", "book": "kirja", "lamp": "lamppu"}
PLACES = {"table": "pöydälle", "shelf": "hyllylle", "kitchen": "keittiöön"}
