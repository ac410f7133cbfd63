package merchant_test

import (
	"strings"
	"testing"
	"time"

	"switchyard/switch/merchant"
)

func shop(change ...func(*merchant.Profile)) merchant.Profile {
	p := merchant.Profile{
		ID: "M1", Name: "Lamps & Shades", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5712",
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func TestProfile(t *testing.T) {
	limited := shop(func(p *merchant.Profile) { p.Currencies = []string{"EUR", "KWD"} })
	d, err := merchant.NewDirectory([]merchant.Profile{
		limited, shop(func(p *merchant.Profile) { p.ID, p.Name, p.Credits, p.RefundWindowDays = "M2", "", true, 90 }),
	}, true, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	p := d.Lookup("M1")
	if got, want := p.NameLocation(), "Lamps & Shades           Berlin       DE"; got != want {
		t.Errorf("DE43 is %q, want %q", got, want)
	}
	if !p.Takes("EUR") || !p.Takes("KWD") || p.Takes("USD") || p.Credits || p.RefundWindow() != 0 {
		t.Errorf("%+v", p)
	}
	p = d.Lookup("M2")
	if p.Name != "M2" || !p.Credits || !p.Takes("USD") || p.RefundWindow() != 90*24*time.Hour {
		t.Errorf("%+v", p)
	}
	if p := d.Lookup("M3"); p != nil {
		t.Errorf("an unknown merchant is %+v", p)
	}
}

// An unknown merchant is served under its own id, and each under its own.
func TestUnknownMerchants(t *testing.T) {
	d, err := merchant.NewDirectory(nil, false, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"SHOP-1": "SHOP-1                   ONLINE       US", "M100000001": "M100000001               ONLINE       US",
		`A\B`: "DEFAULT                  ONLINE       US",
	} {
		p := d.Lookup(id)
		if p == nil || p.ID != id || p.NameLocation() != want {
			t.Errorf("%s: %+v, DE43 %q", id, p, p.NameLocation())
		}
	}
}

func TestProfilesThatAreNone(t *testing.T) {
	for want, change := range map[string]func(*merchant.Profile){
		`id ""`:                  func(p *merchant.Profile) { p.ID = "" },
		`id "M123456789012345"`:  func(p *merchant.Profile) { p.ID = "M123456789012345" },
		`mcc "571"`:              func(p *merchant.Profile) { p.MCC = "571" },
		`mcc "57x2"`:             func(p *merchant.Profile) { p.MCC = "57x2" },
		`country "DE"`:           func(p *merchant.Profile) { p.Country = "DE" },
		`country "XXQ"`:          func(p *merchant.Profile) { p.Country = "XXQ" },
		`city: missing`:          func(p *merchant.Profile) { p.City = "" },
		`capture_window_days 36`: func(p *merchant.Profile) { p.CaptureWindowDays = 36 },
		`capture_window_days -1`: func(p *merchant.Profile) { p.CaptureWindowDays = -1 },
		`name "Lämpchen"`:        func(p *merchant.Profile) { p.Name = "Lämpchen" },
		`name "A|B"`:             func(p *merchant.Profile) { p.Name = "A|B" },
		`state "NRWX"`:           func(p *merchant.Profile) { p.State = "NRWX" },
		`city "Castrop-Rauxel"`:  func(p *merchant.Profile) { p.City = "Castrop-Rauxel" },
		`currency "EUX"`:         func(p *merchant.Profile) { p.Currencies = []string{"EUX"} },
	} {
		_, err := merchant.NewDirectory(
			[]merchant.Profile{shop(func(p *merchant.Profile) { p.ID = "M0" }), shop(change)}, true, merchant.DefaultProfile(),
		)
		if err == nil || !strings.HasPrefix(err.Error(), "merchant 2: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if _, err := merchant.NewDirectory([]merchant.Profile{shop(), shop()}, true, merchant.DefaultProfile()); err == nil ||
		!strings.Contains(err.Error(), `"M1" stands twice`) {
		t.Errorf("twice: %v", err)
	}
	if _, err := merchant.NewDirectory(nil, false, merchant.Profile{}); err == nil ||
		!strings.HasPrefix(err.Error(), "default merchant: ") {
		t.Errorf("no default: %v", err)
	}
}

func TestParse(t *testing.T) {
	profiles, err := merchant.Parse(
		"m.yaml", []byte("merchants:\n- {id: M1, mcc: \"5712\", city: Berlin, country: DEU}\n"),
	)
	if err != nil || len(profiles) != 1 || profiles[0].ID != "M1" || profiles[0].MCC != "5712" {
		t.Errorf("%+v, %v", profiles, err)
	}
	if _, err := merchant.Parse("m.yaml", []byte("merchants:\n- {id: M1, colour: red}\n")); err == nil ||
		!strings.Contains(err.Error(), "m.yaml") || !strings.Contains(err.Error(), "colour") {
		t.Errorf("%v", err)
	}
}
