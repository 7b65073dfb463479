// Package cluster runs a PostgreSQL server that is thrown away: for tests, and for tools that want the real thing. It is
// in a temporary directory and reached by a socket in it, so that any number can run side by side, and it ends with the
// process that started it, however that ends.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// ErrMissing says that the programs of the server are not on this machine.
var ErrMissing = errors.New("no PostgreSQL server on this machine: run make setup")

// Options say what the server is like.
type Options struct {
	// Durable lets commits wait for the disk, as a real one does. Without it a test need not.
	Durable bool
	// Connections is how many there can be; 0 is 200.
	Connections int
}

// Cluster is a running server.
type Cluster struct {
	dir     string
	guard   *exec.Cmd
	release io.Closer // the guard ends the server when this is closed, by whatever
	ended   chan error
}

const (
	// startWithin bounds the start: a machine that is busy takes some seconds for initdb.
	startWithin = 60 * time.Second
	// stopWithin bounds the stop, which is fast: sessions are ended.
	stopWithin = 20 * time.Second
)

// guard is a shell between us and the server: it ends the server and removes its directory when its standard input is
// closed, which the kernel does for whoever started it, even if that was killed.
const guard = `dir=$1; shift
"$@" <&- & server=$!
read -r _
kill -INT $server 2>/dev/null
wait $server
rm -rf "$dir"`

// Start makes a cluster and starts its server. The superuser is "gyro", who needs no password.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	as, err := serverUser()
	if err != nil {
		return nil, err
	}
	// The path of a socket is at most 107 octets long, so this is not under a test's own directory.
	dir, err := os.MkdirTemp("", "gyro-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, ended: make(chan error, 1)}
	if err := c.start(ctx, bin, as, o); err != nil {
		return nil, errors.Join(err, c.Stop(), os.RemoveAll(dir))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, bin string, as *syscall.Credential, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if as != nil {
		if err := os.Chown(c.dir, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(c.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=gyro", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.SysProcAttr = c.dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", initdb, err, out)
	}
	if err := c.launch(filepath.Join(bin, "postgres"), data, as, o); err != nil {
		return err
	}
	return c.wait(ctx, filepath.Join(bin, "pg_isready"))
}

// launch starts the server behind its guard, in a process group of its own: an interrupt from the terminal is for us, who
// then have something left to say to the server.
func (c *Cluster) launch(server, data string, as *syscall.Credential, o Options) error {
	log, err := os.Create(c.log())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has it
	connections := o.Connections
	if connections == 0 {
		connections = 200
	}
	args := []string{
		"-c", guard, "guard", c.dir, server, "-D", data, "-k", c.dir, "-c", "listen_addresses=",
		"-c", "max_connections=" + strconv.Itoa(connections), "-c", "shared_buffers=64MB", "-c", "max_wal_size=512MB",
	}
	if !o.Durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	c.guard = exec.Command("/bin/sh", args...)
	c.guard.Dir, c.guard.Stdout, c.guard.Stderr = c.dir, log, log
	c.guard.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if c.release, err = c.guard.StdinPipe(); err != nil {
		return err
	}
	if err := c.guard.Start(); err != nil {
		return err
	}
	go func() { c.ended <- c.guard.Wait() }()
	return nil
}

// wait returns when the server takes connections.
func (c *Cluster) wait(ctx context.Context, isReady string) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for exec.CommandContext(ctx, isReady, "-q", "-h", c.dir, "-U", "gyro", "-d", "postgres").Run() != nil {
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(c.log()) // best effort: it is part of another error
			return fmt.Errorf("the PostgreSQL server does not start: %w\n%s", ctx.Err(), bytes.TrimSpace(text))
		case err := <-c.ended:
			c.ended <- err
			text, _ := os.ReadFile(c.log()) // best effort: it is part of another error
			return fmt.Errorf("the PostgreSQL server ended: %w\n%s", err, bytes.TrimSpace(text))
		case <-ticker.C:
		}
	}
	return nil
}

func (c *Cluster) log() string { return filepath.Join(c.dir, "log") }

// URL is that of a database of the cluster; "postgres" is always there.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("gyro"), Path: "/" + database, RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return u.String()
}

// Stop ends the server and removes its directory.
func (c *Cluster) Stop() error {
	if c.release == nil {
		return nil
	}
	err := c.release.Close()
	select {
	case ended := <-c.ended:
		return errors.Join(err, ended)
	case <-time.After(stopWithin):
		return errors.Join(err, fmt.Errorf("the PostgreSQL server in %s does not end", c.dir))
	}
}

// programs finds the newest server: Debian keeps them out of the path, one directory for each version.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	version := func(server string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(server)))) // 0 if it is no number
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	server, err := exec.LookPath("postgres")
	if err != nil {
		return "", ErrMissing
	}
	return filepath.Dir(server), nil
}

// serverUser is who the server runs as: it refuses to be root, so for root it is the user that the package made for it.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // as ourselves
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
