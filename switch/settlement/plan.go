package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"switchyard/internal/config"
	"switchyard/internal/money"
	"switchyard/internal/workday"
)

// A Plan is what is agreed with merchants: fee plans, reserves, and when they are paid. ParsePlan makes one.
type Plan struct {
	Acquirer string // who pays; heads the page
	SHA256   string // of the file, in hexadecimal

	payoutDays  int
	defaultPlan string
	feePlans    map[string]*feePlan
	processing  map[string]string            // of interchange
	calendars   map[string]*workday.Calendar // by currency
	others      *workday.Calendar            // of the currencies that are not among them
}

// A feePlan is what a merchant with it is charged, and what of its gross is held back.
type feePlan struct {
	Name        string           `yaml:"name"`
	Fees        []fee            `yaml:"fees"`
	Interchange bool             `yaml:"interchange"`      // what PDS0146 says of its presentments is passed on
	Chargeback  map[string]int64 `yaml:"chargeback_minor"` // of each chargeback, by currency
	Reserve     *reserve         `yaml:"reserve"`
}

// A fee is what a presentment of some schemes costs. Fixed amounts are in minor units by currency; where there are any,
// each currency that is presented must be among them.
type fee struct {
	Schemes      []string         `yaml:"schemes"` // none: all others
	Percent      Rate             `yaml:"percent"`
	Fixed        map[string]int64 `yaml:"fixed_minor"`
	SchemeRate   Rate             `yaml:"scheme_percent"` // what is passed on of the scheme's fees
	SchemeFixed  map[string]int64 `yaml:"scheme_fixed_minor"`
	RefundsFixed map[string]int64 `yaml:"refund_minor"` // of a refund, which costs nothing else
}

// A reserve is a part of the gross of each day that is held back for some days.
type reserve struct {
	Percent Rate `yaml:"percent"`
	Days    int  `yaml:"days"`
}

// planFile is the plan as it stands in YAML.
type planFile struct {
	Acquirer    string     `yaml:"acquirer"`
	PayoutDays  int        `yaml:"payout_days"`
	Calendars   []calendar `yaml:"calendars"`
	DefaultPlan string     `yaml:"default_plan"` // of merchants without one
	FeePlans    []feePlan  `yaml:"fee_plans"`
	// Processing says what the processing codes of PDS0146, which differ between schemes, do: see the effects.
	Processing map[string]string `yaml:"interchange_processing"`
}

type calendar struct {
	Currencies []string `yaml:"currencies"` // none: all others
	Weekend    []string `yaml:"weekend"`
	Holidays   []date   `yaml:"holidays"`
	Until      date     `yaml:"until"`
}

// date is a workday.Date in YAML.
type date workday.Date

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *date) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := workday.Parse(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*d = date(parsed)
	return nil
}

// The bounds of a plan.
const (
	maxPayoutDays  = 3
	maxReserveDays = 3660
	maxFixedMinor  = 1_000_000_000
)

// schemes are the names of card schemes, as pan.Brand has them.
var schemes = []string{"visa", "mastercard", "amex", "jcb", "other"}

// ParsePlan reads a plan strictly. Errors name the file, and the line or the key.
func ParsePlan(name string, text []byte) (*Plan, error) {
	var f planFile
	if err := config.Decode(name, text, &f); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	p := &Plan{
		Acquirer: f.Acquirer, SHA256: hex.EncodeToString(sum[:]), payoutDays: f.PayoutDays, defaultPlan: f.DefaultPlan,
		feePlans: map[string]*feePlan{}, calendars: map[string]*workday.Calendar{}, processing: f.Processing,
	}
	if err := checkProcessing(f.Processing); err != nil {
		return nil, fmt.Errorf("%s: interchange_processing: %w", name, err)
	}
	if f.PayoutDays < 1 || f.PayoutDays > maxPayoutDays {
		return nil, fmt.Errorf("%s: payout_days: %d: expected 1 to %d business days", name, f.PayoutDays, maxPayoutDays)
	}
	for i := range f.Calendars {
		if err := p.addCalendar(&f.Calendars[i]); err != nil {
			return nil, fmt.Errorf("%s: calendars, number %d: %w", name, i+1, err)
		}
	}
	if p.others == nil {
		return nil, fmt.Errorf("%s: calendars: expected one without currencies, which is that of all others", name)
	}
	for i := range f.FeePlans {
		if err := p.addFeePlan(&f.FeePlans[i]); err != nil {
			return nil, fmt.Errorf("%s: fee_plans, number %d: %w", name, i+1, err)
		}
	}
	if p.feePlans[f.DefaultPlan] == nil {
		return nil, fmt.Errorf("%s: default_plan: %q: expected the name of one of fee_plans", name, f.DefaultPlan)
	}
	return p, nil
}

func (p *Plan) addCalendar(c *calendar) error {
	var weekend []time.Weekday
	for _, text := range c.Weekend {
		weekday, ok := weekdays[text]
		if !ok {
			return fmt.Errorf("weekend: %q: expected days of the week such as saturday", text)
		}
		weekend = append(weekend, weekday)
	}
	holidays := make([]workday.Date, 0, len(c.Holidays))
	for _, holiday := range c.Holidays {
		holidays = append(holidays, workday.Date(holiday))
	}
	if c.Until == 0 {
		return errors.New("until: missing: expected the last day for which all holidays are listed")
	}
	made, err := workday.New(weekend, holidays, workday.Date(c.Until))
	if err != nil {
		return err
	}
	if len(c.Currencies) == 0 {
		if p.others != nil {
			return errors.New("currencies: missing, as in another calendar: expected one that is that of all others")
		}
		p.others = made
	}
	for _, currency := range c.Currencies {
		if err := isCurrency(currency); err != nil {
			return fmt.Errorf("currencies: %w", err)
		}
		if p.calendars[currency] != nil {
			return fmt.Errorf("currencies: %s has a calendar already", currency)
		}
		p.calendars[currency] = made
	}
	return nil
}

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

func isCurrency(letters string) error {
	if _, ok := money.Lookup(letters); !ok {
		return fmt.Errorf("%q: expected the letters of a currency, such as EUR", letters)
	}
	return nil
}

func (p *Plan) addFeePlan(f *feePlan) error {
	switch {
	case f.Name == "":
		return errors.New("name: missing")
	case p.feePlans[f.Name] != nil:
		return fmt.Errorf("name: %q stands twice", f.Name)
	case f.Reserve != nil && (f.Reserve.Days < 1 || f.Reserve.Days > maxReserveDays):
		return fmt.Errorf("%s: reserve.days: %d: expected 1 to %d", f.Name, f.Reserve.Days, maxReserveDays)
	}
	if err := checkFixed("chargeback_minor", f.Chargeback); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	taken := map[string]bool{}
	for i := range f.Fees {
		if err := f.Fees[i].check(taken); err != nil {
			return fmt.Errorf("%s: fees, number %d: %w", f.Name, i+1, err)
		}
	}
	p.feePlans[f.Name] = f
	return nil
}

// allOthers stands for a fee without schemes among those that are taken.
const allOthers = ""

func (f *fee) check(taken map[string]bool) error {
	of := f.Schemes
	if len(of) == 0 {
		of = []string{allOthers}
	}
	for _, scheme := range of {
		switch {
		case scheme != allOthers && !slices.Contains(schemes, scheme):
			return fmt.Errorf("schemes: %q: expected some of %s", scheme, strings.Join(schemes, ", "))
		case taken[scheme]:
			return fmt.Errorf("schemes: %q has a fee already", scheme)
		case taken[allOthers]:
			return errors.New("it stands behind the one without schemes, which is that of all others")
		}
		taken[scheme] = true
	}
	return errors.Join(checkFixed("fixed_minor", f.Fixed), checkFixed("scheme_fixed_minor", f.SchemeFixed),
		checkFixed("refund_minor", f.RefundsFixed))
}

func checkFixed(key string, fixed map[string]int64) error {
	for currency, minor := range fixed {
		if err := isCurrency(currency); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if minor < 0 || minor > maxFixedMinor {
			return fmt.Errorf("%s: %s: %d: expected 0 to %d minor units", key, currency, minor, maxFixedMinor)
		}
	}
	return nil
}

// What a processing code of PDS0146 does.
const (
	byRecord = "by_record" // charged for what debits the cardholder, given back for what credits it
	charged  = "charged"
	credited = "credited"
)

func checkProcessing(processing map[string]string) error {
	for code, effect := range processing {
		if len(code) != 2 || strings.Trim(code, "0123456789") != "" {
			return fmt.Errorf("%q: expected two digits, in quotes", code)
		}
		if effect != byRecord && effect != charged && effect != credited {
			return fmt.Errorf("%s: %q: expected %s, %s or %s", code, effect, byRecord, charged, credited)
		}
	}
	return nil
}

// InterchangeSign is 1 where an entry of PDS0146 with a processing code charges the merchant's side, and -1 where it
// gives back.
func (p *Plan) InterchangeSign(processing string, debits bool) (int64, error) {
	effect, ok := p.processing[processing]
	switch {
	case !ok:
		return 0, fmt.Errorf("processing %q: the plan's interchange_processing does not have it", Printable(processing))
	case effect == charged, effect == byRecord && debits:
		return 1, nil
	}
	return -1, nil
}

// of is the fee plan of a merchant that has one of this name, or none.
func (p *Plan) of(name string) (*feePlan, error) {
	if name == "" {
		name = p.defaultPlan
	}
	if f := p.feePlans[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("fee_plan: %q: the settlement plan has none of this name", name)
}

// fees are what a first presentment costs; what takes one back gives its fees back.
func (f *feePlan) fees(p *Presented) (acquirerMinor, schemeMinor int64, err error) {
	at := slices.IndexFunc(f.Fees, func(one fee) bool {
		return len(one.Schemes) == 0 || slices.Contains(one.Schemes, p.Scheme)
	})
	if at < 0 {
		return 0, 0, fmt.Errorf("fee plan %s has no fee for the scheme %s", f.Name, p.Scheme)
	}
	one := &f.Fees[at]
	if p.Refund {
		acquirerMinor, err = f.fixed("refund_minor", one.RefundsFixed, p.Currency)
	} else {
		var acquirer, scheme int64
		var errScheme error
		acquirer, err = f.fixed("fixed_minor", one.Fixed, p.Currency)
		scheme, errScheme = f.fixed("scheme_fixed_minor", one.SchemeFixed, p.Currency)
		err = errors.Join(err, errScheme)
		acquirerMinor, schemeMinor = one.Percent.Of(p.AmountMinor)+acquirer, one.SchemeRate.Of(p.AmountMinor)+scheme
	}
	if p.Reversal {
		return -acquirerMinor, -schemeMinor, err
	}
	return acquirerMinor, schemeMinor, err
}

// fixed is a fixed amount in a currency: none where the plan has none at all.
func (f *feePlan) fixed(key string, by map[string]int64, currency string) (int64, error) {
	minor, ok := by[currency]
	if !ok && len(by) > 0 {
		return 0, fmt.Errorf("currency: fee plan %s has no %s in %s", f.Name, key, currency)
	}
	return minor, nil
}

// calendarOf is the calendar by which a currency is paid.
func (p *Plan) calendarOf(currency string) *workday.Calendar {
	if c := p.calendars[currency]; c != nil {
		return c
	}
	return p.others
}

// Expects tells whether a business date should have clearing files: where any currency could be paid on that day.
func (p *Plan) Expects(d workday.Date) (bool, error) {
	expects, err := p.others.Open(d)
	for _, c := range p.calendars {
		if open, errOf := c.Open(d); errOf != nil {
			err = errOf
		} else {
			expects = expects || open
		}
	}
	return expects, err
}
