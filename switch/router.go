package txswitch

import "switchyard/switch/exchange"
import "switchyard/switch/flow"

type tableT struct{}

func (c *Config) table() (*tableT, error) { return &tableT{}, nil }

type router struct{ x *exchange.Issuer }

func newRouter(t *tableT, issuers map[string]*exchange.Issuer) *router {
	for _, x := range issuers {
		return &router{x}
	}
	return nil
}
func (r *router) destinations() []string { return []string{"default"} }
func (r *router) Route(pan string) (flow.Route, bool) {
	return flow.Route{Name: "default", Destination: "default", Issuers: []*exchange.Issuer{r.x}}, true
}
