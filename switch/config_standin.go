package txswitch

import (
	"errors"
	"fmt"

	"switchyard/internal/money"
	"switchyard/switch/flow"
)

// StandInConfig says what the switch approves by itself while no link to an issuer is up. Off by default.
type StandInConfig struct {
	Enabled          bool             `yaml:"enabled"`
	MaxAmountMinor   map[string]int64 `yaml:"max_amount_minor"` // a payment, by currency; others are not stood in for
	MaxPerCardAndDay int              `yaml:"max_per_card_and_day"`
	MCCs             []string         `yaml:"mccs"` // merchant categories; none means all
}

// flow returns the limits as package flow takes them: none while stand-in is off.
func (s *StandInConfig) flow() flow.StandIn {
	if !s.Enabled {
		return flow.StandIn{}
	}
	return flow.StandIn{MaxAmountMinor: s.MaxAmountMinor, MaxPerCardAndDay: s.MaxPerCardAndDay, MCCs: s.MCCs}
}

func (s *StandInConfig) check() error {
	if s.Enabled && (len(s.MaxAmountMinor) == 0 || s.MaxPerCardAndDay < 1) {
		return errors.New("max_amount_minor and max_per_card_and_day: expected both when stand-in is enabled")
	}
	for currency, minor := range s.MaxAmountMinor {
		if _, ok := money.Lookup(currency); !ok || minor < 1 {
			return fmt.Errorf("max_amount_minor: %s: %d: expected an ISO 4217 code and at least 1", currency, minor)
		}
	}
	return nil
}
