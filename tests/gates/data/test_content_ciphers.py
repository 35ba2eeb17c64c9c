# ruff: noqa: S311, E501 - the drawn alphabets are fixtures, not cryptography; samples stay on one line
import random
import string

import pytest

from gatekeeper.gates.data.content.ciphers import Settings, find_ciphers
from gatekeeper.gates.data.content.surprise import surprise_of

STORY = (
    "The ferry to the island leaves twice a day, and whoever wants to see the lighthouse has to stay overnight in one of "
    "the three rooms above the bakery, where the smell of bread wakes everybody long before the gulls do."
)
ORDINARY = [
    pytest.param(STORY, id="English"),
    pytest.param("Le bateau pour l'île part deux fois par jour, et celui qui veut voir le phare doit dormir sur place, dans une des trois chambres au-dessus de la boulangerie.", id="French"),
    pytest.param("Aamulla bussi lähtee torilta kello seitsemän, ja ne jotka myöhästyvät kävelevät joen rantaa, kunnes seuraava tulee. Naapurillani on kaksi vuohta.", id="Finnish, no table"),
    pytest.param("Asubuhi basi huondoka uwanjani saa moja, na wale wanaochelewa hutembea kando ya mto mpaka lingine lije. Jirani yangu ana mbuzi wawili.", id="Swahili, no table"),
    pytest.param("Buổi sáng xe buýt rời quảng trường lúc bảy giờ, những người lỡ chuyến đi bộ dọc bờ sông cho đến khi chuyến sau tới.", id="Vietnamese, no table"),
    pytest.param("Yn y bore mae'r bws yn gadael y sgwâr am saith, ac mae'r rhai sy'n ei golli yn cerdded ar hyd yr afon nes daw'r nesaf i'r pentref.", id="Welsh, no table"),
    pytest.param("Паром на остров ходит дважды в день, и кто хочет увидеть маяк, должен остаться на ночь в одной из трёх комнат над пекарней.", id="Russian"),
    pytest.param("Το καράβι για το νησί φεύγει δύο φορές την ημέρα, και όποιος θέλει να δει τον φάρο πρέπει να μείνει το βράδυ.", id="Greek"),
    pytest.param("去岛上的渡轮每天两班，想看灯塔的人必须在面包店楼上的三个房间之一过夜，那里面包的香味会在海鸥之前叫醒所有人。" * 3, id="Chinese"),
    pytest.param("تغادر العبارة إلى الجزيرة مرتين في اليوم، ومن يريد رؤية المنارة عليه أن يبيت في إحدى الغرف الثلاث فوق المخبز.", id="Arabic"),
    pytest.param("द्वीप के लिए नाव दिन में दो बार चलती है और जो लोग प्रकाशस्तंभ देखना चाहते हैं उन्हें रात में रुकना पड़ता है।", id="Hindi"),
    pytest.param('static int cmp_fn(const void *a, const void *b) { const struct hdr *x = a, *y = b; return x->len - y->len; } int main(int argc, char **argv) { FILE *fp = fopen(argv[1], "rb"); qsort(buf, n, sizeof *buf, cmp_fn); }', id="C"),
    pytest.param("grep -rn --include='*.py' foo . | awk -F: '{print $1}' | sort | uniq -c | xargs sed -i 's/bar/baz/g' && chmod +x run.sh && tar xzvf pkg.tgz -C /usr/lib/x86_64-linux-gnu", id="shell"),
    pytest.param(r"\begin{align} \frac{\partial^2 f}{\partial x^2} + \sum_{i=1}^{n} \int_{0}^{\infty} e^{-x^2} dx = \sqrt{\pi} \cdot \lim_{h \to 0} \frac{f(x+h)-f(x)}{h} \end{align}", id="LaTeX"),
    pytest.param("https://cdn.example.org/wp-content/xkqz/2024/jpg?sig=Zk3qTxVwPpLmRt7Bn&v=hzqjx https://a.example/qwrtzp/xcvbnm", id="addresses"),
    pytest.param("![x](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==)" * 3, id="a picture in base64"),
    pytest.param("ATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAGATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAG", id="a DNA sequence"),
    pytest.param("1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O 9. h3 Nb8 10. d4 Nbd7 11. c4 c6", id="a chess game"),
    pytest.param("hydroxychloroquine, azithromycin, levothyroxine, methylphenidate, sulfamethoxazole, dextroamphetamine, phenylephrine", id="drugs"),
    pytest.param("| a | b | c |\n|---|---|---|\n" + "| - | - | - |\n" * 20, id="an empty table"),
    pytest.param("NASA, NATO, FBI, CIA, UNHCR, WHO, IMF, WTO, OPEC, ASEAN, BRICS, USB, HTTP, TCP, UDP, DNS, SQL, XML, CSS, HTML, GPU, CPU", id="abbreviations"),
]  # fmt: skip


def substituted(text, seed):
    alphabet = list(string.ascii_lowercase)
    random.Random(seed).shuffle(alphabet)
    return text.lower().translate(str.maketrans(string.ascii_lowercase, "".join(alphabet)))


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_in_many_scripts_is_no_cipher(make, text):
    rows = make.rows_of([(text, "Yes."), ("Go on, please.", text)])

    assert find_ciphers(rows, Settings()) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_substitution_cipher_is_an_outlier(make, seed):
    rows = make.rows_of([("Go on, please.", STORY), ("Go on, please.", substituted(STORY, seed))])

    (flag,) = find_ciphers(rows, Settings())

    assert (flag.place, flag.test) == (1, "cipher")
    assert "bits a letter" in flag.reason


def test_a_cipher_in_capitals_is_an_outlier_too(make):
    assert len(find_ciphers(make.rows_of([(substituted(f"{STORY} {STORY}", 1).upper(), "Yes.")]), Settings())) == 1


def test_a_text_of_signs_is_an_outlier(make):
    signs = "☂♞⚙☯♫☘⚓✂☎♨☀⚖☃♟✿❖⌛⚑" * 5

    assert len(find_ciphers(make.rows_of([("Go on.", signs)]), Settings())) == 1


def test_too_few_letters_are_not_judged(make):
    assert find_ciphers(make.rows_of([("Go on.", substituted(STORY, 1)[:50])]), Settings()) == []


def test_a_script_without_a_table_is_not_measured():
    assert surprise_of("渡轮每天两班").letters == 0


def test_surprise_is_the_mean_cost_of_a_letter():
    once, twice = surprise_of(STORY), surprise_of(STORY + " " + STORY)

    assert once.script == "Latin"
    assert twice.letters == pytest.approx(2 * once.letters, abs=1)
    assert twice.bits == pytest.approx(once.bits, abs=0.01)
