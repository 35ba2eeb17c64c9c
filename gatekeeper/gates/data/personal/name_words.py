"""Words that tell names of people from other capitalised words."""

from gatekeeper.gates.data.personal.street_words import MONTHS, NATIONS, UNIT_WORDS, word_set

PARTICLES = (
    "van|von|de|der|den|du|da|do|dos|das|di|del|della|la|le|el|al|bin|ibn|binti|af|av|zu|zum|ten|ter|y|e|st\\.?"
)
"""Lower-case words inside names."""
NOT_NAMES = (
    word_set(
        "a about above absolutely account according actually add address after again age ago all almost also"
        " although always am an and another answer any anyone anything apparently are around article as ask"
        " assistant at aunt author away back bank based be because before behind being below best beside better"
        " between billing birthday block board bot both brother but by bye call called can cancel card caution"
        " center certainly change chapter check child cities city clearly click close com come company consider"
        " contact copyright could country credit currently customer dad date daughter day days dear definition"
        " delete delivery department desk did director do does dogs doctor don done down draw due during each early"
        " earth east easy eight either else email end energy enter environmental especially even events every"
        " everybody everyone everything exactly example excuse explain explanation extremely false family father"
        " fax few figure final finally find first five follow following food for four free friday friend from full"
        " further general generally get give given global go god good government great had happy has have having he"
        " health hello help hence her here hers hey hi high him his home house how however i if image important in"
        " include including income indeed information input inside instead instructions internet into introduction"
        " is it its just keep kid king know lady large last later law least less let like line list little location"
        " long look lord love lovely ma made mail main make manager many married maybe me mean meanwhile meet"
        " member men mobile mom monday money month months more morning most mother move moving mr mrs ms much must"
        " my name names nature need needs network neither never new next nice night nine no nobody none nor north"
        " not note nothing notice now number of off office often oh ok okay old on once one only open option"
        " options or order organization original other others otherwise our out output outside over overall page"
        " parents part partner party passport people perhaps person phone photo place play please plus point"
        " positive possible post president previous princess private probably problem product professor profile"
        " program project provide public put queen question quick quite rather read ready real really recent"
        " recently red regarding regards remove report request response restaurant result results return right"
        " river road role row royal sadly said same saturday save say says school science second secondly section"
        " security see seems send senator sentence services set seven several shall she ship should show similarly"
        " simple simply since sincerely sir sister six small so social software some someone something sometimes"
        " son soon sorry source south speaking special specifically speech start state statement step steps still"
        " stop store story street student students such suddenly summary summer sunday support sure take task tax"
        " team tel telephone ten tell than thank thanks that the their theirs them then there therefore these they"
        " thing things think third this those though thought three through throughout thursday thus tip tips title"
        " to today together tomorrow tonight too top total toward traditional travel true try tuesday turn two type"
        " typically uncle under understand unfortunately unit united unless unlike until up update upon us use used"
        " user using usually very video view visit wait want war was water way we weather website wednesday week"
        " welcome well were west what whatever when whenever where whereas whether which while white who whoever"
        " whole whose why wife will winter with within without women word words work world would write writer"
        " writing wrong year years yes yesterday yet you your yours yourself zip attn subject re cc bcc invoice"
        " username login password"
    )
    | MONTHS
    | NATIONS
    | UNIT_WORDS
)
"""Capitalised words that begin sentences, label lines or stand beside names."""
ROLES = (
    r"son|daughter|kid|child|brother|sister|wife|husband|partner|friend|mother|father|mom|dad|uncle|aunt|cousin|boss"
    r"|colleague|co-?worker|boyfriend|girlfriend|fianc[ée]e?|grandmother|grandfather|grandma|grandpa|guardian"
    r"|neighbou?r"
    r"|roommate|singer|producer|director|actor|actress|author|songwriter|novelist|poet|painter|composer|president"
    r"|senator"
    r"|governor|mayor|judge|justice|officer|detective|captain|colonel|general|sergeant|professor|coach|chef"
    r"|pastor|nurse"
    r"|driver|manager|founder|co-?founder|ceo|cfo|cto|chairman|chairwoman|minister|king|queen|prince|princess|player"
    r"|striker|guitarist|drummer|bassist|musician|comedian|journalist|reporter|commenter|attorney|lawyer|patient"
    r"|client"
    r"|customer|employee|teacher|student|classmate|nephew|niece|twin|baby|dog|cat"
)
"""What somebody is, said before the name."""
SPEECH = (
    r"said|says|asked|asks|replied|replies|shouted|whispered|explained|explains|told|tells|added|yelled|cried|wrote"
)
DEEDS = (
    rf"{SPEECH}|lives?|lived|spent|had given|gave|gives|began|was born|is from|grew up|married|died|went|goes|works?"
    r"|worked|loves?|loved|likes?|liked|thinks?|thought|wants?|wanted|is a very|is very|is so|is married|is"
    r" talking|flew"
    r"|bought|buys|decided|decides|called|calls|moved|walked|walks|ate|eats|earns|earned|studied|plays|played"
    r"|sings|sang"
    r"|will be talking|will be speaking|listed|knows|knew|smiled|laughed|sighed|nodded|has been|joined|left|met"
    r"|visited"
)
"""What only people do."""
BELONGINGS = (
    r"kids?|sons?|daughters?|child(?:ren)?|wife|husband|brothers?|sisters?|mother|father|mom|dad|friends?|address"
    r"|phone"
    r"|number|e-?mail|birthday|house|killers?|death|account|name|car|boss|room|parents|family|life|wedding|novel"
    r"|song|age"
)
"""What only people have."""
COMPANY_ENDS = (
    r"GmbH & Co\. KG|Stiftung & Co\. KG|& Co\. KG"
    r"|Inc|LLC|LLP|Ltd|PLC|Plc|Co|Corp|Corporation|Company|Group|Groep|and Sons|& Sons|GmbH|mbH|AG|KG|OHG|KGaA"
    r"|e\.V\.|S\.?A\.?|SA"
    r"|SARL|S\.A\.R\.L\.|SAS|SpA|S\.p\.A|SPA|S\.r\.l|SRL|s\.r\.l|S\.n\.c|AB|HB|Oyj?|Ab|Ky|Tmi|Osk|A/S|ApS|AS|ASA"
    r"|I/S|K/S|B\.?V\.?"
    r"|N\.?V\.?|VOF|Kft|Zrt|Nyrt|Bt|Kkt|Sp\. z o\.o|Sp\.k|Sp\.j|s\.c|S\.L\.?U?|S\.L|S\.Coop|S\.Com|C\.B|s\.r\.o"
    r"|a\.s|o\.s|v\.o\.s"
    r"|s\.p|k\.s|d\.o\.o|j\.d\.o\.o|d\.d|o\.d|Lda|Ltda|S/A|EI|e Hijos|Hermanos|Hnos|& Co|Bank|University"
    r"|Institute|Foundation"
    r"|Association|Partners|Holdings|Industries|Technologies|Solutions|Systems|Software|Consulting|Enterprises"
    r"|Services"
    r"|Studios|Records|Orchestra|Airlines|Motors|Pharmaceuticals|Capital|Insurance|Hospital|College|Ministry"
    r"|Department|eG"
    r"|Stiftung|GbR|UG|et Fils|og Sønner|Väst|Gruppen|et Associés|und Söhne|& Söhne|og sønner|och söner|e figli"
    r"|e Figli|e filhos|e Filhos|& Filhos|e hijos|i syn s\.c|i synowie|a synové|i sinovi|obrt|ry|rf|S\.a\.s|S\.p\.a"
    r"|spol\. s r\.o|s\.s|y Asociados|e Associati|& Partner|Holding|Verlag"
)
"""What names of companies end in."""
COMPANY_STARTS = (
    r"Fundacja|Stichting|Spółdzielnia|Stowarzyszenie|Gabinety|PPUH|Grupo|Familia|Banco|Banca|Société|Compagnie|Gruppo"
    r"|Koninklijke|Grupa|Groupe|Skupina|Firma|Zakład|Przedsiębiorstwo|Instituto|Universidad|Universität|Université"
    r"|Università|Universiteit|Asociación|Fundación|Fondazione|Fondation|Corporación|Hochschule|Stadtwerke|Kancelaria"
    r"|Agencja|Agence|Agenzia|Consorzio|Cooperativa|Coopérative|Impresa|Établissements|Etablissements|Maison|Nadace"
    r"|University of|Bank of|Institute of|Ministry of|Department of"
)
