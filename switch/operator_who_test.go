package txswitch_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/httpcall"
	txswitch "switchyard/switch"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// The people of a switch, each with one role.
var (
	readerToken, operatorToken, approverToken = strings.Repeat("r", 32), strings.Repeat("o", 32), strings.Repeat("a", 32)

	operators = []switchtest.Operator{
		{Name: "rita", Token: readerToken, Roles: []operator.Role{operator.RoleRead}},
		{Name: "otto", Token: operatorToken, Roles: []operator.Role{operator.RoleOperate}},
		{Name: "ada", Token: approverToken, Roles: []operator.Role{operator.RoleApprove}},
	}
)

// Each request needs one role: who has it is served, and who has the others is refused with its name. The table here is
// the API's whole.
func TestOperatorRoles(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Operators: operators})
	day := s.Switch.Stats().OpenDay
	routes := operator.Routes()
	if len(routes) != len(operatorRequests) {
		t.Errorf("the API has %d requests, %d are known here", len(routes), len(operatorRequests))
	}
	for i, r := range operatorRequests {
		if at := routes[min(i, len(routes)-1)]; at.Pattern != r.method+" "+r.path || at.Role != r.role ||
			!slices.Equal(at.Parameters, r.parameters) {
			t.Errorf("%s %s needs %s; the API has %+v", r.method, r.path, r.role, at)
		}
		for _, who := range operators {
			// With a parameter that nobody knows, so that whom it lets in changes nothing.
			req, err := http.NewRequest(r.method, "http://"+s.OperatorAddr+r.path+"?of_=1", nil)
			req.Header.Set("Authorization", "Bearer "+who.Token)
			status, said := asked(t, req, err)
			if who.Roles[0] == r.role {
				if status != http.StatusBadRequest && !slices.Contains(r.parameters, "*") {
					t.Errorf("%s %s by %s: %d %q", r.method, r.path, who.Name, status, said)
				}
				continue
			}
			want := fmt.Sprintf("%s has not the role %s,", who.Name, r.role)
			if status != http.StatusForbidden || !strings.HasPrefix(said, want) {
				t.Errorf("%s %s by %s: %d %q", r.method, r.path, who.Name, status, said)
			}
		}
	}
	if _, err := s.APIAs(readerToken).Cutover(
		t.Context(), client.Cutover{},
	); httpcall.Status(err) != http.StatusForbidden {
		t.Errorf("a cutover by who may only look: %v", err)
	}
	if now := s.Switch.Stats().OpenDay; now != day {
		t.Errorf("%s was closed", day)
	}
	if _, err := s.APIAs(operatorToken).Cutover(t.Context(), client.Cutover{}); err != nil {
		t.Errorf("a cutover by who may: %v", err)
	}
}

// Without the token of somebody nothing is served, not even what there is; and no token is logged.
func TestOperatorTokens(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Operators: operators})
	wrong := strings.Repeat("w", 32)
	for _, header := range []string{
		"", "Bearer", "Bearer ", "Bearer " + wrong, "Bearer " + readerToken[1:], "Bearer " + readerToken + "r",
		"Basic " + readerToken, readerToken,
	} {
		for _, r := range []string{"GET /v1/stats", "GET /healthz", "POST /v1/cutover", "GET /v1/nothing"} {
			method, path, _ := strings.Cut(r, " ")
			req, err := http.NewRequest(method, "http://"+s.OperatorAddr+path, nil)
			req.Header.Set("Authorization", header)
			resp, failed := http.DefaultClient.Do(req)
			if err := errors.Join(err, failed); err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %q: %s", r, header, resp.Status)
			}
		}
	}
	if _, err := s.APIAs(readerToken).Stats(t.Context()); err != nil {
		t.Error(err)
	}
	for _, token := range []string{wrong, readerToken, readerToken[1:]} {
		if strings.Contains(s.Logs.String(), token) {
			t.Errorf("the log has a token")
		}
	}
}

// Over a socket file everybody who gets there has all roles, as on loopback; with identities a token is needed there,
// too.
func TestOperatorSocket(t *testing.T) {
	for _, who := range [][]switchtest.Operator{nil, operators} {
		s := switchtest.Start(t, switchtest.Options{OperatorSocket: true, Operators: who})
		var o client.Options
		at := httpcall.Socket + s.OperatorSocket
		if who != nil {
			if _, err := client.New(s.OperatorAddr).Stats(t.Context()); httpcall.Status(err) != http.StatusUnauthorized {
				t.Errorf("on loopback: %v", err)
			}
			stranger, err := client.With(at, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stranger.Stats(t.Context()); httpcall.Status(err) != http.StatusUnauthorized {
				t.Errorf("over the socket file: %v", err)
			}
			o.Token = operatorToken
		}
		c, err := client.With(at, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cutover(t.Context(), client.Cutover{}); err != nil {
			t.Errorf("over the socket file: %v", err)
		}
	}
}

// A start says, of the port and of the socket file, whom the API asks who he is.
func TestStartSaysWhomTheOperatorAPIAsks(t *testing.T) {
	for want, who := range map[string][]switchtest.Operator{
		"nobody who he is: whoever gets to this address of this machine has all roles (operator.identities)": nil,
		"for the token or certificate of one of 3 identities":                                                operators,
	} {
		s := switchtest.Start(t, switchtest.Options{OperatorSocket: true, Operators: who})
		for _, at := range []string{s.OperatorAddr, s.OperatorSocket} {
			line := fmt.Sprintf(`"msg":"operator API","at":%q,"asks":%q`, at, want)
			if !strings.Contains(s.Logs.String(), line) {
				t.Errorf("the log has no %s", line)
			}
		}
	}
}

// Elsewhere than on loopback the API speaks TLS, to those whom it knows, under the names of its certificate and of its
// address.
func TestOperatorOverTLS(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{
		Operators: operators, OperatorTLS: true, Configure: func(c *txswitch.Config) {
			c.Operator.Listen = "switch.example:9583" // where the test's port stands for it
		},
	})
	if _, err := s.APIAs(readerToken).Stats(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.APIAs("").Stats(t.Context()); httpcall.Status(err) != http.StatusUnauthorized {
		t.Errorf("without a token: %v", err)
	}
	if _, err := client.New(s.OperatorAddr).Stats(t.Context()); err == nil {
		t.Error("it answers in clear")
	}
	for host, status := range map[string]int{
		"Switch.Example:9583": http.StatusOK, switchtest.CertificateName: http.StatusOK,
		"site.example:9583": http.StatusForbidden,
	} {
		req, err := http.NewRequest("GET", "https://"+s.OperatorAddr+"/v1/stats", nil)
		req.Host = host
		req.Header.Set("Authorization", "Bearer "+readerToken)
		if got, said := askedBy(t, s.HTTP(), req, err); got != status {
			t.Errorf("as %s: %d %q", host, got, said)
		}
	}
}
