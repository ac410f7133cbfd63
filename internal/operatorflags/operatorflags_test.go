package operatorflags_test

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"switchyard/internal/operatorflags"
)

// showing answers every call with the token that it showed.
func showing(shown *string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*shown = r.Header.Get("Authorization")
		fmt.Fprintln(w, `{"clearing_dir":"clearing"}`)
	})
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// ask makes one call as the flags say.
func ask(t *testing.T, args ...string) error {
	t.Helper()
	var f operatorflags.Flags
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Add(set, "127.0.0.1:1")
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, err := f.Client()
	if err != nil {
		return err
	}
	_, err = c.Stats(t.Context())
	return err
}

var fromFile, fromEnv = strings.Repeat("f", 32), strings.Repeat("e", 32)

// The token comes from the file, else from the environment, and goes to ports and socket files.
func TestToken(t *testing.T) {
	var shown string
	server := httptest.NewServer(showing(&shown))
	defer server.Close()
	at := strings.TrimPrefix(server.URL, "http://")
	path := filepath.Join(t.TempDir(), "s")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(socket, showing(&shown)) }()
	defer socket.Close()
	for _, operator := range []string{at, "unix:" + path} {
		for _, c := range []struct {
			env, want string
			args      []string
		}{
			{"", "", nil},
			{fromEnv, "Bearer " + fromEnv, nil},
			{fromEnv, "Bearer " + fromFile, []string{"--token-file", file(t, fromFile+"\n")}},
		} {
			t.Setenv(operatorflags.TokenVariable, c.env)
			shown = "nothing"
			if err := ask(t, append(c.args, "--operator", operator)...); err != nil || shown != c.want {
				t.Errorf("%s %v: shown %q, %v; want %q", operator, c.args, shown, err, c.want)
			}
		}
	}
}

// With the authority's certificate the port is spoken to in TLS; one that it has not signed is refused.
func TestTLS(t *testing.T) {
	var shown string
	server := httptest.NewTLSServer(showing(&shown))
	defer server.Close()
	at := strings.TrimPrefix(server.URL, "https://")
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	t.Setenv(operatorflags.TokenVariable, fromEnv)
	for _, operator := range []string{at, server.URL} {
		if err := ask(t, "--operator", operator, "--ca", ca); err != nil || shown != "Bearer "+fromEnv {
			t.Errorf("%s: shown %q, %v", operator, shown, err)
		}
	}
	shown = ""
	if err := ask(t, "--operator", server.URL); err == nil || shown != "" {
		t.Errorf("by the system's authorities: shown %q, %v", shown, err)
	}
}

// A token is never sent in clear to another machine, and what is wrong is told without it.
func TestRefused(t *testing.T) {
	token := file(t, fromFile)
	for want, args := range map[string][]string{
		"--operator: 10.0.0.1:9583 is not loopback": {"--operator", "10.0.0.1:9583", "--token-file", token},
		"--operator: switch:9583 is not loopback":   {"--operator", "switch:9583", "--token-file", token},
		"--operator: unix: without a path":          {"--operator", "unix:"},
		"TLS is not spoken on a socket file":        {"--operator", "https://unix:/s"},
		"--token-file: open /none":                  {"--token-file", "/none"},
		"is empty; expected a token":                {"--token-file", file(t, "\n")},
		"expected one token":                        {"--token-file", file(t, fromFile+"\n"+fromFile)},
		"--ca: open /none":                          {"--ca", "/none"},
		"holds no PEM certificate":                  {"--ca", token},
		"--cert, --cert-key: expected both":         {"--cert", token},
		"--cert: TLS is not spoken":                 {"--cert", token, "--cert-key", token},
		"--cert: open /none":                        {"--operator", "https://h:1", "--cert", "/none", "--cert-key", token},
	} {
		err := ask(t, args...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), fromFile) {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}
