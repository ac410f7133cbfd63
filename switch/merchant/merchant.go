// Package merchant holds the merchants that payments are made for: what the messages (DE18, DE42, DE43) and the
// clearing records say of each, in which currencies, and for how long each may capture and refund.
//
// A [Directory] is read once at start and never changes. Unknown merchants get the default profile under their own id,
// or are refused, as the directory says.
package merchant

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"switchyard/internal/config"
	"switchyard/internal/money"
)

// Profile is one merchant.
type Profile struct {
	ID         string `yaml:"id"`
	Name       string `yaml:"name"`
	Street     string `yaml:"street"`
	City       string `yaml:"city"`
	PostalCode string `yaml:"postal_code"`
	State      string `yaml:"state"`
	Country    string `yaml:"country"` // ISO 3166 alpha-3
	MCC        string `yaml:"mcc"`     // DE18, merchant category code

	Currencies []string `yaml:"currencies"` // ISO 4217 letters; none means any
	FeePlan    string   `yaml:"fee_plan"`
	// How long after an authorization its capture is taken: by the table of its own, else so many days; 0: as the table
	// of all merchants has it. CaptureWindow decides.
	CaptureWindows    []WindowRow `yaml:"capture_windows"`
	CaptureWindowDays int         `yaml:"capture_window_days"`
	ForcePost         bool        `yaml:"force_post"`         // captures are taken past it, and its end releases nothing
	RefundWindowDays  int         `yaml:"refund_window_days"` // 0: refunds are taken without an end

	Limits  *Limits `yaml:"limits"`  // none bounds nothing
	Credits bool    `yaml:"credits"` // it may pay cardholders without a payment that it would pay back

	windows      Windows // CaptureWindows
	nameLocation string
	unknown      bool // not in the directory
}

// unknownID is the id of the profile that unknown merchants get.
const unknownID = "DEFAULT"

// DefaultProfile is what an unknown merchant gets, under its own id and with it as its name.
func DefaultProfile() Profile {
	return Profile{City: "ONLINE", PostalCode: "00000", Country: "USA", MCC: "5999"}
}

// Takes tells whether the merchant takes a currency.
func (p *Profile) Takes(currency string) bool {
	if len(p.Currencies) == 0 {
		return true
	}
	for _, c := range p.Currencies {
		if c == currency {
			return true
		}
	}
	return false
}

// NameLocation is DE43 of a message: name 25, city 13, country alpha-2.
func (p *Profile) NameLocation() string { return p.nameLocation }

// CountryAlpha2 is the country as DE43 has it.
func (p *Profile) CountryAlpha2() string { return p.nameLocation[nameLen+cityLen:] }

// LimitsOf names whose the limits are: the merchant's own, or those that all unknown merchants have together.
func (p *Profile) LimitsOf() string {
	if p.unknown {
		return unknownID
	}
	return p.ID
}

// complete fills in what a profile leaves out and checks it.
func (p *Profile) complete() error {
	if p.Name == "" {
		p.Name = p.ID
	}
	region, err := language.ParseRegion(p.Country)
	switch {
	case p.ID == "" || len(p.ID) > 15:
		return fmt.Errorf("id %q: expected 1 to 15 characters (DE42)", p.ID)
	case checkText(p.ID, len(p.ID)) != nil || strings.TrimSpace(p.ID) != p.ID:
		return fmt.Errorf(
			`id %q: expected printable ASCII without ! [ ] ^ | \, and no space at its beginning or end (DE42)`, p.ID,
		)
	case len(p.MCC) != 4 || strings.Trim(p.MCC, "0123456789") != "":
		return fmt.Errorf("merchant %s: mcc %q: expected four digits (DE18)", p.ID, p.MCC)
	case err != nil || len(p.Country) != 3 || region.ISO3() != p.Country:
		return fmt.Errorf("merchant %s: country %q: expected an ISO 3166 alpha-3 code", p.ID, p.Country)
	case p.City == "":
		return fmt.Errorf("merchant %s: city: missing", p.ID)
	}
	for _, f := range []struct {
		name, value string
		limit       int
	}{{"name", p.Name, 25}, {"street", p.Street, 25}, {"city", p.City, 13}, {"postal_code", p.PostalCode, 10}, {
		"state", p.State, 3,
	}} {
		if err := checkText(f.value, f.limit); err != nil {
			return fmt.Errorf("merchant %s: %s %q: %w", p.ID, f.name, f.value, err)
		}
	}
	if err := errors.Join(p.checkWindows(), p.Limits.Check()); err != nil {
		return fmt.Errorf("merchant %s: %w", p.ID, err)
	}
	for _, c := range p.Currencies {
		if _, ok := money.Lookup(c); !ok {
			return fmt.Errorf("merchant %s: currency %q: expected an ISO 4217 code", p.ID, c)
		}
	}
	p.locate(region.String())
	return nil
}

// locate sets DE43.
func (p *Profile) locate(countryAlpha2 string) {
	p.nameLocation = nameLocation(p.Name, p.City, countryAlpha2)
}

// The parts of DE43.
const nameLen, cityLen, countryLen = 25, 13, 2

// nameLocation makes DE43 of its parts.
func nameLocation(name, city, countryAlpha2 string) string {
	return string(AppendNameLocation(nil, name, city, countryAlpha2))
}

// AppendNameLocation appends DE43, made of its parts.
func AppendNameLocation(dst []byte, name, city, countryAlpha2 string) []byte {
	const blank = "                                        "
	n := len(dst)
	dst = append(dst, blank...)
	room := dst[n:]
	copy(room[:nameLen], name)
	copy(room[nameLen:nameLen+cityLen], city)
	copy(room[nameLen+cityLen:], countryAlpha2)
	return dst
}

// checkText keeps DE43 to characters that the code pages of clearing files agree on.
func checkText(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("expected at most %d characters", limit)
	}
	for _, r := range s {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`![]^|\`, r) {
			return fmt.Errorf(`expected printable ASCII without ! [ ] ^ | \ (EBCDIC code pages differ in them)`)
		}
	}
	return nil
}

// Directory finds merchants by id. Safe for concurrent use.
type Directory struct {
	profiles      map[string]*Profile
	refuseUnknown bool
	fallback      Profile // complete

	mu      sync.Mutex
	unknown map[string]*Profile // fallbacks, of the merchants that came of late
}

// keptUnknown is how many merchants that are not in the directory are kept; then they are made anew as they come.
const keptUnknown = 4096

// NewDirectory makes a directory of profiles. Unknown merchants are refused, or get fallback under their own id.
func NewDirectory(profiles []Profile, refuseUnknown bool, fallback Profile) (*Directory, error) {
	fallback.ID = unknownID
	if err := fallback.complete(); err != nil {
		return nil, fmt.Errorf("default merchant: %w", err)
	}
	d := &Directory{profiles: make(map[string]*Profile, len(profiles)), refuseUnknown: refuseUnknown, fallback: fallback}
	for i := range profiles {
		p := profiles[i]
		if err := p.complete(); err != nil {
			return nil, fmt.Errorf("merchant %d: %w", i+1, err)
		}
		if d.profiles[p.ID] != nil {
			return nil, fmt.Errorf("merchant %d: id %q stands twice", i+1, p.ID)
		}
		d.profiles[p.ID] = &p
	}
	return d, nil
}

// Lookup finds a merchant; nil where it is unknown and unknown ones are refused.
func (d *Directory) Lookup(id string) *Profile {
	if p := d.profiles[id]; p != nil || d.refuseUnknown {
		return p
	}
	return d.Fallback(id)
}

// Fallback returns what stands for a merchant that is not in the directory: the default profile under the merchant's
// id.
func (d *Directory) Fallback(id string) *Profile {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.unknown[id]; p != nil {
		return p
	}
	if len(d.unknown) >= keptUnknown || d.unknown == nil {
		d.unknown = make(map[string]*Profile)
	}
	id = strings.Clone(id) // it may be a piece of a request
	p := d.makeFallback(id)
	d.unknown[id] = p
	return p
}

func (d *Directory) makeFallback(id string) *Profile {
	p := d.fallback
	p.ID = id
	p.unknown = true
	if p.Name == unknownID && checkText(id, 25) == nil && strings.TrimSpace(id) != "" {
		p.Name = id
	}
	p.locate(d.fallback.CountryAlpha2())
	return &p
}

// Parse reads a merchants file: YAML with one key, merchants, a list of profiles. name is the file's, for errors.
func Parse(name string, text []byte) ([]Profile, error) {
	var file struct {
		Merchants []Profile `yaml:"merchants"`
	}
	if err := config.Decode(name, text, &file); err != nil {
		return nil, err
	}
	return file.Merchants, nil
}
