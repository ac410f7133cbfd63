package report_test

import (
	"bytes"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/internal/loadgen/report"
)

// make browser gives these.
var (
	browser = flag.String("report.browser", "", "a Chromium, to open pages in; without it they are not opened")
	shots   = flag.String("report.shots", "", "folder for pictures of the pages; by default they are not kept")
)

// seen is what a browser made of a page.
type seen struct {
	dom      string
	console  []string // what scripts and the browser complained of
	requests []string // that the page made to anywhere
}

// ofTheBrowser are the hosts that Chromium asks by itself, whatever it shows and however it is told not to.
var ofTheBrowser = []string{
	"accounts.google.com", "clients2.google.com", "optimizationguide-pa.googleapis.com", "update.googleapis.com",
}

// open opens a page. All that it asks for over a network comes to a proxy of the test's, which answers nothing.
func open(t *testing.T, page string, more ...string) (s seen) {
	t.Helper()
	var mu sync.Mutex
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if host, _, _ := strings.Cut(r.Host, ":"); !slices.Contains(ofTheBrowser, host) {
			// Chromium asks for its own start page's search engine, whatever page is opened; ours names no such host.
			if asked := r.Method + " " + r.Host; asked != "CONNECT www.google.com:443" {
				s.requests = append(s.requests, asked)
			}
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	_, port, err := net.SplitHostPort(proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync",
		"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions",
		"--user-data-dir=" + t.TempDir(), "--proxy-server=http://127.0.0.1:" + port, "--proxy-bypass-list=<-loopback>",
		"--enable-logging=stderr", "--window-size=1280,2300",
	}
	cmd := exec.CommandContext(t.Context(), *browser, append(append(args, more...), "file://"+page)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", *browser, err, &stderr)
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, ":CONSOLE") {
			s.console = append(s.console, strings.TrimSpace(line))
		}
	}
	s.dom = stdout.String()
	mu.Lock()
	defer mu.Unlock()
	return s
}

func pageOf(t *testing.T, name string, text []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestInBrowser(t *testing.T) {
	if *browser == "" {
		t.Skip("make browser opens the pages in Chromium")
	}
	t.Run("what is wrong is seen", func(t *testing.T) {
		bad := []byte(`<!doctype html><img src="http://192.0.2.1/x.png"><script>nowhere()</script>`)
		s := open(t, pageOf(t, "bad.html", bad), "--dump-dom")
		if len(s.console) == 0 || len(s.requests) == 0 {
			t.Errorf("a page with an error and a request shows none: %q, %q", s.console, s.requests)
		}
	})
	for name, charts := range map[string]string{"sample": "5", "nothing": "4"} {
		t.Run(name, func(t *testing.T) {
			page := pageOf(t, name+".html", written(t, report.HTML, runs[name](t)))
			flags := []string{"--dump-dom"}
			if *shots != "" {
				flags = append(flags, "--screenshot="+shot(name+"-light.png"), "--no-pdf-header-footer",
					"--print-to-pdf="+shot(name+"-print.pdf"))
			}
			s := open(t, page, flags...)
			if len(s.console) > 0 || len(s.requests) > 0 {
				t.Errorf("the console says %q; requests: %q", s.console, s.requests)
			}
			if !strings.Contains(s.dom, `data-drawn="`+charts+`"`) || strings.Count(s.dom, "<canvas") == 0 {
				t.Errorf("not %s charts are drawn", charts)
			}
			if *shots == "" {
				return
			}
			dark := shot(name + "-dark.png")
			open(t, page, "--blink-settings=preferredColorScheme=0", "--screenshot="+dark)
			for _, file := range []string{dark, shot(name + "-light.png"), shot(name + "-print.pdf")} {
				if info, err := os.Stat(file); err != nil || info.Size() == 0 {
					t.Errorf("%s: no picture: %v", file, err)
				}
			}
		})
	}
}

// shot is where a picture goes.
func shot(name string) string { return filepath.Join(*shots, name) }
