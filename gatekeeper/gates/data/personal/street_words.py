"""Words that streets, flats, towns and countries are written with, by language."""


def word_set(words: str) -> frozenset[str]:
    """Return the words that blanks part."""
    return frozenset(words.split())


def any_of(words: str) -> str:
    """Return the alternation, words parted by their first letters, so that most of them are passed over at once.

    It matches what the plain alternation matches: of words that begin alike, the first given wins as before.
    """
    beginnings: dict[str, dict[str, list[str]]] = {}
    for word in words.split("|"):
        beginnings.setdefault(word[0], {}).setdefault(word[1:2], []).append(word[2:])
    return "|".join(
        f"{first}(?:{'|'.join(f'{second}(?:{chr(124).join(rest)})' for second, rest in seconds.items())})"
        for first, seconds in beginnings.items()
    )


STRONG_SUFFIXES = word_set(
    "street st avenue ave av road rd boulevard blvd lane ln drive dr court ct terrace ter square sq parkway"
    " pkwy highway hwy circle cir crescent cres close alley aly mews turnpike tpke expressway expy freeway fwy"
    " causeway straße strasse str gasse weg platz allee straat laan gracht plein dreef kade singel steeg vägen"
    " gatan gränd vejen vej gade allé katu polku kuja utca út útja tér körút sétány köz ulice ulica nám náměstí"
    " třída nábřeží cesta trg cadde caddesi sokak sokağı mahallesi veien vei gata πλατεία οδός λεωφόρος ulitsa"
    " улица проспект gürtel gate boulevarden torget"
)
"""The last word of a street's name, which by itself says that it is one."""
WEAK_SUFFIXES = word_set(
    "annex arcade bayou beach bend bluff bluffs bottom branch bridge brook brooks burg burgs bypass camp"
    " canyon cape center centre cliff cliffs club common commons corner corners course courts cove coves creek"
    " crest crossing crossroad curve dale dam divide drives estate estates extension extensions fall falls"
    " ferry field fields flat flats ford fords forest forge forges fork forks fort garden gardens gateway glen"
    " glens green greens grove groves harbor harbors haven heights hill hills hollow inlet island islands isle"
    " junction junctions key keys knoll knolls lake lakes land landing light lights loaf lock locks lodge loop"
    " mall manor manors meadow meadows mill mills mission motorway mount mountain mountains neck orchard oval"
    " overpass park parks parkways pass passage path pike pine pines place plain plains plaza point points port"
    " ports prairie radial ramp ranch rapid rapids rest ridge ridges river roads route row rue run shoal shoals"
    " shore shores skyway spring springs spur spurs squares station stravenue stream streets summit throughway"
    " trace track trafficway trail tunnel underpass union unions valley valleys via viaduct view views village"
    " villages ville vista walk walks wall way ways well wells esplanade parade quay quadrant reserve rise dell"
    " strand promenade grange chase drift copse quadrangle vial hof ring damm ufer steig graben park ring markt"
    " baan dijk pad hage torv bakken haugen svingen tunet stien ranta tie kaari raitti väylä penger brücke"
    " zeile stieg chaussee wald berg haven gärde backe stig plan"
)
"""As above where a number, a town or a code stands beside it."""
PREFIXES = word_set(
    "rue avenue boulevard chemin place impasse allée quai route cours passage via viale piazza piazzale corso"
    " vicolo largo borgo contrada rotonda stretto canale incrocio lungomare calle c/ c avenida av avda plaza"
    " paseo camino carretera ronda travesía callejón pasadizo glorieta vía urbanización cuesta pasaje alameda"
    " rambla acceso cañada prolongación ampliación privada cerrada calzada circuito eje andador retorno"
    " viaducto periférico diagonal corredor continuación peatonal rua travessa praça estrada rodovia vila"
    " jardim praia colônia conjunto condomínio núcleo aeroporto campo chácara distrito favela fazenda feira"
    " ladeira lago lagoa loteamento morro parque passarela pátio quadra recanto residencial setor sítio trecho"
    " trevo vale vereda viela strada bulevardul aleea soseaua calea intrarea splaiul ul al pl os ulica ulice"
    " aleja plac osiedle am im an der πλατεία οδός λεωφόρος улица ул проспект"
)
"""The first word of a street's name."""
SURE_PREFIXES = PREFIXES - word_set(
    "place cours passage route via largo c av al pl os am im an der eje vale lago campo sítio setor jardim"
    " praia feira distrito canale borgo privada cerrada circuito acceso retorno corredor parque núcleo plaza"
    " place"
)
"""Those that are no word of English, nor another common one."""
COMPOUND_ENDS = (
    "straße",
    "strasse",
    "strase",
    "str.",
    "gasse",
    "weg",
    "platz",
    "allee",
    "straat",
    "laan",
    "gracht",
    "plein",
    "dreef",
    "kade",
    "singel",
    "steeg",
    "boulevard",
    "vägen",
    "gatan",
    "gränd",
    "stigen",
    "vejen",
    "vej",
    "gade",
    "allé",
    "veien",
    "vegen",
    "katu",
    "polku",
    "kuja",
    "kaari",
    "raitti",
    "väylä",
    "gürtel",
    "utca",
    "ulica",
    "promenade",
    "chaussee",
)
"""What a street's name written in one word ends in."""
JOINING = word_set(
    "de la le les du des del della delle dei di da do dos das van der den het von vom zum zur of the and y e i"
    " na nad pod al el los las d l sur en an am im u o dello degli santa san saint"
)
"""Small words inside the names of streets and towns."""
UNITS = (
    r"apt|apartment|suite|ste|unit|flat|room|rm|floor|fl|level|studio|building|bldg|lot|box|appartement|piso|planta"
    r"|puerta|piano|interno|etage|stock|top|wohnung|whg|lgh|bus|esc|dpto|depto|bloco|sala|loja"
)
UNIT_WORDS = frozenset(UNITS.split("|"))
NOT_IN_ADDRESSES = word_set(
    "i my me we our you your he his she her it its they their this that these those please thanks thank dear"
    " best regards sincerely hello hi hey yes no ok okay phone mobile fax desk tel telephone email e-mail"
    " website office home address name date note monday tuesday wednesday thursday friday saturday sunday mr"
    " mrs ms dr prof if when what where who why how is are was were can could would should will do does did in"
    " at on for with from by as but or so because then there here question answer user assistant bot table"
    " figure chapter section step part grade level volume page iphone windows players people million billion"
    " thousand hundred percent years months days hours minutes after before"
)
"""Words that end an address instead of being part of it."""
MONTHS = word_set(
    "january february march april may june july august september october november december jan feb mar apr jun"
    " jul aug sep sept oct nov dec"
)
COUNTRIES = (
    "American Samoa|Anguilla|Antarctica|Antigua and Barbuda|Aruba|Bermuda|Bouvet Island|British Virgin Islands"
    "|Brunei Darussalam|Cayman Islands|Central African Republic|Christmas Island|Cocos Islands|Cook Islands|Côte"
    " d'Ivoire"
    "|Cote d'Ivoire|Ivory Coast|Curaçao|Equatorial Guinea|Falkland Islands|Faroe Islands|French Guiana|French"
    " Polynesia"
    "|Guadeloupe|Guam|Guernsey|Guinea-Bissau|Isle of Man|Jersey|Macau|Marshall Islands|Martinique|Mayotte|Micronesia"
    "|Montserrat|New Caledonia|Niue|Norfolk Island|Northern Mariana Islands|Palestine|Pitcairn Islands|Reunion|Réunion"
    "|Saint Barthelemy|Saint Barthélemy|Saint Helena|Saint Kitts and Nevis|Saint Lucia|Saint Martin"
    "|Saint Vincent and the Grenadines|Sao Tome and Principe|Slovakia|Slovak Republic|Svalbard|Swaziland|Timor-Leste"
    "|Tokelau|Turks and Caicos Islands|Virgin Islands|Wallis and Futuna|Western Sahara"
    "|Afghanistan|Albania|Algeria|Andorra|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahamas|Bahrain"
    "|Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bhutan|Bolivia|Bosnia and Herzegovina|Botswana|Brazil|Brunei"
    "|Bulgaria|Burkina Faso|Burundi|Cambodia|Cameroon|Canada|Cape Verde|Chad|Chile|China|Colombia|Comoros|Congo"
    "|Costa Rica|Croatia|Cuba|Cyprus|Czech Republic|Czechia|Denmark|Djibouti|Dominica|Dominican Republic|Ecuador|Egypt"
    "|El Salvador|Eritrea|Estonia|Eswatini|Ethiopia|Fiji|Finland|France|Gabon|Gambia|Georgia|Germany|Ghana|Gibraltar"
    "|Greece|Greenland|Grenada|Guatemala|Guinea|Guyana|Haiti|Honduras|Hong Kong|Hungary|Iceland|India|Indonesia|Iran"
    "|Iraq|Ireland|Israel|Italy|Jamaica|Japan|Jordan|Kazakhstan|Kenya|Kiribati|Korea|Kuwait|Kyrgyzstan|Laos|Latvia"
    "|Lebanon|Lesotho|Liberia|Libya|Liechtenstein|Lithuania|Luxembourg|Macao|Macedonia|Madagascar|Malawi|Malaysia"
    "|Maldives|Mali|Malta|Mauritania|Mauritius|Mexico|Moldova|Monaco|Mongolia|Montenegro|Morocco|Mozambique|Myanmar"
    "|Namibia|Nauru|Nepal|Netherlands|New Zealand|Nicaragua|Niger|Nigeria|North Korea|Norway|Oman|Pakistan|Palau"
    "|Panama|Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Romania|Russia|Rwanda|Samoa"
    "|San Marino|Saudi Arabia|Senegal|Serbia|Seychelles|Sierra Leone|Singapore|Slovakia|Slovenia|Solomon Islands"
    "|Somalia|South Africa|South Korea|Spain|Sri Lanka|Sudan|Suriname|Sweden|Switzerland|Syria|Taiwan|Tajikistan"
    "|Tanzania|Thailand|Togo|Tonga|Trinidad and Tobago|Tunisia|Turkey|Turkmenistan|Tuvalu|Uganda|Ukraine"
    "|United Arab Emirates|United Kingdom|United States of America|United States|USA|UK|Uruguay|Uzbekistan|Vanuatu"
    "|Vatican City|Venezuela|Vietnam|Yemen|Zambia|Zimbabwe"
)
NATIONS = word_set(
    "afghan albanian algerian american angolan argentine argentinian armenian australian austrian azerbaijani"
    " bangladeshi belarusian belgian bolivian bosnian brazilian british bulgarian burmese cambodian cameroonian"
    " canadian chilean chinese colombian congolese croatian cuban cypriot czech danish dutch ecuadorian"
    " egyptian emirati english eritrean estonian ethiopian finnish french gambian georgian german ghanaian"
    " greek greenlandic guatemalan haitian honduran hungarian icelandic indian indonesian iranian iraqi irish"
    " israeli italian jamaican japanese jordanian kazakh kenyan korean kuwaiti kyrgyz laotian latvian lebanese"
    " liberian libyan lithuanian luxembourgish macedonian malagasy malawian malaysian maltese mexican moldovan"
    " mongolian moroccan mozambican namibian nepalese nicaraguan nigerian norwegian omani pakistani palestinian"
    " panamanian paraguayan peruvian filipino polish portuguese qatari romanian russian rwandan saudi scottish"
    " senegalese serbian singaporean slovak slovenian somali spanish sudanese swedish swiss syrian taiwanese"
    " tajik tanzanian thai tunisian turkish turkmen ugandan ukrainian uruguayan uzbek venezuelan vietnamese"
    " welsh yemeni zambian zimbabwean americans australians austrians belgians brazilians brits britons"
    " bulgarians canadians chileans colombians croats cubans czechs danes egyptians estonians ethiopians finns"
    " filipinos germans ghanaians greeks hungarians icelanders indians indonesians iranians iraqis israelis"
    " italians jamaicans jordanians kenyans koreans latvians lithuanians mexicans moroccans nigerians"
    " norwegians pakistanis poles romanians russians scots serbs slovaks slovenes somalis spaniards swedes"
    " syrians turks ukrainians venezuelans englishman englishwoman frenchman frenchwoman irishman irishwoman"
    " dutchman dutchwoman welshman scotsman"
)
"""What somebody from a country is called, and the languages and things that share the word."""
