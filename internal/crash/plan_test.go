package crash

import (
	"reflect"
	"testing"
)

// A round's strikes follow from its seed, lie within the day, and between them the rounds hit everything.
func TestPlan(t *testing.T) {
	const payments = 1500
	hit, cutovers := map[Victim]int{}, 0
	for seed := range uint64(100) {
		r := newRound(seed, payments, "")
		if again := newRound(seed, payments, ""); !reflect.DeepEqual(r.strikes, again.strikes) {
			t.Errorf("seed %d: %+v, then %+v", seed, r.strikes, again.strikes)
		}
		if len(r.strikes) < 1 || len(r.strikes) > maxStrikes {
			t.Errorf("seed %d: %d strikes", seed, len(r.strikes))
		}
		for i, s := range r.strikes {
			hit[s.victim]++
			if s.after < 1 || s.after >= payments || i > 0 && s.after < r.strikes[i-1].after {
				t.Errorf("seed %d: strikes after payments %+v", seed, r.strikes)
			}
			if s.cutover {
				cutovers++
			}
			if s.cutover && s.victim == Issuer {
				t.Errorf("seed %d: a cutover is to be hit without the switch", seed)
			}
		}
	}
	if len(hit) != int(Victims) || cutovers == 0 {
		t.Errorf("100 rounds hit %v, %d in a cutover", hit, cutovers)
	}
}
