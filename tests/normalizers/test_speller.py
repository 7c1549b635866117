import pytest

from normalizers.speller import NumberRulesError, Speller

ONE_TO_NINE = "0: zero; one; two; three; four; five; six; seven; eight; nine; ten; eleven; twelve"


def test_quotient_rest_and_optional_parts_follow_the_divisor():
    speller = Speller({"cardinal": f"{ONE_TO_NINE}\n20: twenty[-of- >>]\n100: << hundred[ >>]"})
    assert speller.spell(20) == "twenty"
    assert speller.spell(21) == "twenty-of- one"
    assert speller.spell(512) == "five hundred twelve"


def test_a_radix_sets_the_divisor():
    # 75 = 3 x 20 + 15 would need radix 20; French counts from sixty: soixante quinze.
    speller = Speller({"cardinal": f"{ONE_TO_NINE}\n13: thirteen; fourteen; fifteen\n60/20: soixante[ >>]"})
    assert speller.spell(75) == "soixante fifteen"


def test_sets_call_one_another():
    speller = Speller({"cardinal": ONE_TO_NINE, "ordinal": "0: zeroth; first\n2: =cardinal=th"})
    assert [speller.spell(n, "ordinal") for n in (1, 4)] == ["first", "fourth"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("1: one", "first rule must be for 0"),
        ("0: zero\n5: five\n3: three", "3 does not follow 5"),
        ("0: zero; =other=", "no rule set 'other'"),
    ],
)
def test_a_slip_in_a_rule_set_is_named(rules, message):
    with pytest.raises(NumberRulesError, match=message):
        Speller({"cardinal": rules})
