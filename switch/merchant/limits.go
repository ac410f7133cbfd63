package merchant

import (
	"fmt"

	"switchyard/internal/money"
)

// Limits bound what is asked for in a merchant's name, or by a gateway: what makes a payment, and increments. What else
// follows a payment is bounded by what was authorized and captured. A map that is there and does not name a currency
// takes nothing in it; what is absent bounds nothing.
type Limits struct {
	MaxAmountMinor map[string]int64 `yaml:"max_amount_minor"` // one request, by currency
	MaxDayMinor    map[string]int64 `yaml:"max_day_minor"`    // all of a business date, by currency
	MaxDayCount    int64            `yaml:"max_day_count"`    // requests of a business date
}

// Check finds what is wrong with limits; its error names the key.
func (l *Limits) Check() error {
	if l == nil {
		return nil
	}
	for _, m := range []struct {
		name  string
		minor map[string]int64
	}{{"max_amount_minor", l.MaxAmountMinor}, {"max_day_minor", l.MaxDayMinor}} {
		for currency, minor := range m.minor {
			if _, ok := money.Lookup(currency); !ok || minor < 1 {
				return fmt.Errorf("limits.%s: %s: %d: expected an ISO 4217 code and at least 1", m.name, currency, minor)
			}
		}
	}
	if l.MaxDayCount < 0 {
		return fmt.Errorf("limits.max_day_count: %d: expected at least 1, or nothing", l.MaxDayCount)
	}
	return nil
}
