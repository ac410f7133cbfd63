package txswitch

import (
	"fmt"

	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
)

// FormConfig is how the files of some destinations are written where that is not as clearing.code_page, blocked and
// framing say; what it leaves out is.
type FormConfig struct {
	Destinations []string `yaml:"destinations"`
	CodePage     string   `yaml:"code_page"`
	Blocked      *bool    `yaml:"blocked"`
	Framing      string   `yaml:"framing"`
}

// What clearing.framing may be.
const (
	framingVBS = "vbs"
	framingRDW = "rdw"
)

// form puts together how files are written. Its error names the key in the section.
func form(codePage string, blocked bool, framing string) (f cutover.Form, err error) {
	f.Blocked, f.RDW = blocked, framing == framingRDW
	if f.CodePage, err = clearing.ParseCodePage(codePage); err != nil {
		return f, fmt.Errorf("code_page: %w", err)
	}
	if framing != framingVBS && framing != framingRDW {
		return f, fmt.Errorf("framing: %q: expected %s or %s", framing, framingVBS, framingRDW)
	}
	return f, nil
}

// form is that of all files whose destination has none of its own. Its error names the key.
func (c *ClearingConfig) form() (cutover.Form, error) {
	f, err := form(c.CodePage, c.Blocked, c.Framing)
	if err != nil {
		err = fmt.Errorf("clearing.%w", err)
	}
	return f, err
}

// forms are those of the destinations that have one. Its error names the key.
func (c *ClearingConfig) forms() (map[string]cutover.Form, error) {
	all := map[string]cutover.Form{}
	for i := range c.Forms {
		x := &c.Forms[i]
		key := fmt.Sprintf("clearing.forms[%d]", i)
		if len(x.Destinations) == 0 {
			return nil, fmt.Errorf("%s.destinations: missing; expected names of destinations", key)
		}
		if x.CodePage == "" && x.Blocked == nil && x.Framing == "" {
			return nil, fmt.Errorf("%s.code_page, blocked, framing: all are missing; expected one of them", key)
		}
		codePage, blocked, framing := c.CodePage, c.Blocked, c.Framing
		if x.CodePage != "" {
			codePage = x.CodePage
		}
		if x.Blocked != nil {
			blocked = *x.Blocked
		}
		if x.Framing != "" {
			framing = x.Framing
		}
		f, err := form(codePage, blocked, framing)
		if err != nil {
			return nil, fmt.Errorf("%s.%w", key, err)
		}
		for _, name := range x.Destinations {
			if _, twice := all[name]; twice || !storable(name) || name == byScheme {
				return nil, fmt.Errorf("%s.destinations: %q: expected names of destinations, each once in all entries", key, name)
			}
			all[name] = f
		}
	}
	return all, nil
}
