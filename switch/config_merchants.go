package txswitch

import (
	"fmt"

	"switchyard/switch/cutover"
	"switchyard/switch/merchant"
)

// MerchantsConfig says which merchants there are.
type MerchantsConfig struct {
	File    string           `yaml:"file"`
	Unknown string           `yaml:"unknown"` // accept (under the default profile) or refuse
	Default merchant.Profile `yaml:"default"`

	// Profiles is what File holds; whoever reads the config reads it too.
	Profiles []merchant.Profile `yaml:"-"`
}

// checkMerchants holds the merchants against what messages and clearing records can say.
func (c *Config) checkMerchants() error {
	d, err := c.directory()
	if err != nil {
		return err
	}
	for i := range c.Merchants.Profiles {
		if err := cutover.CheckMerchant(d.Lookup(c.Merchants.Profiles[i].ID)); err != nil {
			return fmt.Errorf("merchants: merchant %d: %w", i+1, err)
		}
	}
	if err := cutover.CheckMerchant(d.Fallback("M1")); err != nil {
		return fmt.Errorf("merchants: default merchant: %w", err)
	}
	return nil
}

// directory makes the merchants.
func (c *Config) directory() (*merchant.Directory, error) {
	d, err := merchant.NewDirectory(c.Merchants.Profiles, c.Merchants.Unknown == "refuse", c.Merchants.Default)
	if err != nil {
		return nil, fmt.Errorf("merchants: %w", err)
	}
	return d, nil
}
