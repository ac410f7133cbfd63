package issuersim

import (
	"fmt"
	"time"

	"switchyard/issuer-sim/clearing"
	"switchyard/issuer-sim/rules"
)

// ConfigClearing is Options.Clearing as the config file has it.
type ConfigClearing struct {
	Incoming      string            `yaml:"incoming"`
	Out           string            `yaml:"out"`
	Poll          rules.Duration    `yaml:"poll"`
	Patience      rules.Duration    `yaml:"patience"`
	Windows       []string          `yaml:"windows"`
	Members       []string          `yaml:"members"`
	Mode          string            `yaml:"mode"`
	FileBytes     int64             `yaml:"file_bytes"`
	ID            string            `yaml:"id"`
	Settlement    string            `yaml:"settlement"`
	Rates         map[string]string `yaml:"rates"`
	Fees          []ConfigFee       `yaml:"fees"`
	TransferAgent string            `yaml:"transfer_agent"`
	Account       string            `yaml:"account"`
	CodePage      string            `yaml:"code_page"`
	Blocking      bool              `yaml:"blocking"`
}

// ConfigFee is a row of the table of fees.
type ConfigFee struct {
	Type        string   `yaml:"type"`
	Currencies  []string `yaml:"currencies"`
	BINs        []string `yaml:"bins"`
	BasisPoints int64    `yaml:"basis_points"`
	Fixed       int64    `yaml:"fixed"`
}

func defaultClearing() ConfigClearing {
	return ConfigClearing{
		Poll: rules.Duration(clearing.DefaultPoll), Patience: rules.Duration(clearing.DefaultPatience),
		Windows: []string{}, Members: []string{},
		FileBytes: clearing.DefaultMaxBytes, ID: clearing.DefaultID, Rates: map[string]string{}, Fees: []ConfigFee{},
		CodePage: "cp500", Blocking: true,
	}
}

// Options returns it as Options take it.
func (c *ConfigClearing) Options() (Clearing, error) {
	o := Clearing{
		Incoming: c.Incoming, Out: c.Out, Poll: time.Duration(c.Poll), Patience: time.Duration(c.Patience),
		Windows: c.Windows, Members: c.Members, Mode: c.Mode, MaxBytes: c.FileBytes, ID: c.ID, Settlement: c.Settlement,
		Rates: c.Rates, TransferAgent: c.TransferAgent, Account: c.Account,
		ASCII: c.CodePage == "ascii", Unblocked: !c.Blocking,
	}
	if c.CodePage != "cp500" && !o.ASCII {
		return o, fmt.Errorf("clearing.code_page: %q: expected cp500 or ascii", c.CodePage)
	}
	for _, f := range c.Fees {
		o.Fees = append(o.Fees, clearing.FeeRate(f))
	}
	return o, nil
}
