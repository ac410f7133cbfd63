package merchant_test

import (
	"strings"
	"testing"

	"switchyard/switch/merchant"
)

// Whatever a merchants file holds, it is refused, or each of its merchants fits DE18, DE42 and DE43.
func FuzzMerchants(f *testing.F) {
	f.Add([]byte("merchants:\n- {id: M1, name: Shop, street: Allee 1, city: BERLIN, postal_code: \"10115\", country: "+
		"DEU, mcc: \"5999\"}\n"), "M1")
	f.Add(
		[]byte("merchants:\n- {id: M1, city: B, country: USA, mcc: \"5999\", currencies: [EUR], capture_window_days: 35}\n"),
		"Müller",
	)
	f.Add([]byte("merchants:\n- {id: \"Ü \", city: B, country: USA, mcc: \"5999\"}\n"), "M1")
	f.Add([]byte(""), "shop!")
	f.Fuzz(func(t *testing.T, text []byte, unknown string) {
		profiles, err := merchant.Parse("m.yaml", text)
		if err != nil {
			if !strings.Contains(err.Error(), "m.yaml: ") {
				t.Fatalf("an error that does not name the file: %v", err)
			}
			return
		}
		d, err := merchant.NewDirectory(profiles, false, merchant.DefaultProfile())
		if err != nil {
			return
		}
		ids := []string{unknown}
		for _, p := range profiles {
			ids = append(ids, p.ID)
		}
		for i, id := range ids {
			p := d.Lookup(id)
			if p == nil || p.ID != id {
				t.Fatalf("merchant %q is found as %+v", id, p)
			}
			if i > 0 && (id == "" || len(id) > 15 || strings.TrimSpace(id) != id || !printable(id)) {
				t.Errorf("DE42 does not take %q", id)
			}
			if de43 := p.NameLocation(); len(de43) != 40 || !printable(de43) {
				t.Errorf("DE43 of %q: %q", id, de43)
			}
			if len(p.MCC) != 4 || p.CaptureWindow(&merchant.Windows{}, &merchant.Asked{}) <= 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
}
