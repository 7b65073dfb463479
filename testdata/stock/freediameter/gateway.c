/* A gateway whose Diameter is freeDiameter's: an extension of freeDiameterd that turns text from descriptor 3 into
 * requests, and what the answers say into text on descriptor 4. Nothing of the protocol is decided here; the
 * dictionaries are those that freeDiameter comes with. The text is described in ../erlang/gateway.erl; in place of
 * "watchdog" for the first DWA this gateway waits for the first DWR. */

#include <freeDiameter/extension.h>

#include <pthread.h>
#include <time.h>

enum {
	REQUESTS = 3,
	ANSWERS = 4,
	PATIENCE = 20,   /* seconds that the server may take for anything */
	MAX_DEPTH = 16,  /* of groups */
	CEA = 257,       /* codes of commands */
	RAR = 258,
	CCA = 272,
	DWR = 280,
	DPA = 282,
	FAILED_AVP = 279, /* codes of AVPs */
	ROUTE_RECORD = 282,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char *answer;    /* text that nobody has printed yet */
static char *asked;     /* the same of the server's requests */
static int watchdogs;   /* DWRs that came */

/* Answers to text */

static void print_octets(FILE *out, const union avp_value *v)
{
	size_t n, printable = 0;
	while (printable < v->os.len && v->os.data[printable] >= ' ' && v->os.data[printable] < 127)
		printable++;
	if (printable == v->os.len) {
		fprintf(out, "\"%.*s\"", (int)v->os.len, (const char *)v->os.data);
		return;
	}
	fprintf(out, "0x");
	for (n = 0; n < v->os.len; n++)
		fprintf(out, "%02x", v->os.data[n]);
}

static void print_value(FILE *out, enum dict_avp_basetype type, const union avp_value *v)
{
	fputc(' ', out);
	switch (type) {
	case AVP_TYPE_INTEGER32: fprintf(out, "%d", v->i32); break;
	case AVP_TYPE_INTEGER64: fprintf(out, "%lld", (long long)v->i64); break;
	case AVP_TYPE_UNSIGNED32: fprintf(out, "%u", v->u32); break;
	case AVP_TYPE_UNSIGNED64: fprintf(out, "%llu", (unsigned long long)v->u64); break;
	case AVP_TYPE_OCTETSTRING: print_octets(out, v); break;
	default: fprintf(out, "error of an unexpected type");
	}
}

static void print_avps(FILE *out, msg_or_avp *parent, int depth)
{
	struct avp *a = NULL;
	struct avp_hdr *header;
	struct dict_object *model;
	struct dict_avp_data data;

	fd_msg_browse(parent, MSG_BRW_FIRST_CHILD, &a, NULL);
	for (; a; fd_msg_browse(a, MSG_BRW_NEXT, &a, NULL)) {
		if (fd_msg_avp_hdr(a, &header) || fd_msg_model(a, &model) || !model) {
			fprintf(out, "%*serror unknown AVP %u of vendor %u\n", 2 * depth, "", header->avp_code, header->avp_vendor);
			continue;
		}
		fd_dict_getval(model, &data);
		if (depth == 0 && header->avp_code == ROUTE_RECORD)
			continue; /* freeDiameter adds the sender to whatever it receives */
		fprintf(out, "%*s%s%s", 2 * depth, "",
			(header->avp_flags & data.avp_flag_mask) == data.avp_flag_val ? "" : "error flags of ", data.avp_name);
		if (data.avp_basetype == AVP_TYPE_GROUPED) {
			fprintf(out, "\n");
			print_avps(out, a, depth + 1);
			continue;
		}
		if (header->avp_value)
			print_value(out, data.avp_basetype, header->avp_value);
		else
			fprintf(out, " error of a value that was not understood");
		fprintf(out, "\n");
	}
}

static void print_message(FILE *out, struct msg *m)
{
	struct msg_hdr *header;
	fd_msg_hdr(m, &header);
	fprintf(out, "%s%s%s%s\n",
		header->msg_code == CEA ? "CEA" : header->msg_code == CCA ? "CCA" : header->msg_code == RAR ? "RAR" : "error command",
		header->msg_flags & CMD_FLAG_PROXIABLE ? " P" : "", header->msg_flags & CMD_FLAG_ERROR ? " E" : "",
		header->msg_flags & CMD_FLAG_RETRANSMIT ? " T" : "");
	print_avps(out, m, 0);
}

/* deliver_to hands text to the thread that waits for it, behind what it has not taken yet. */
static void deliver_to(char **waiting, struct msg *m, const char *error)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	pthread_mutex_lock(&lock);
	out = open_memstream(&text, &size);
	if (*waiting)
		fputs(*waiting, out);
	if (m)
		print_message(out, m);
	if (error)
		fprintf(out, "error %s\n", error);
	fclose(out);
	free(*waiting);
	*waiting = text;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void deliver(struct msg *m, const char *error) { deliver_to(&answer, m, error); }

static void on_answer(void *unused, struct msg **m)
{
	(void)unused;
	deliver(*m, NULL);
	fd_msg_free(*m);
	*m = NULL;
}

/* on_request answers a RAR: a CCR follows, so that the result is DIAMETER_LIMITED_SUCCESS. */
static int on_request(struct msg **m, struct avp *a, struct session *s, void *unused, enum disp_action *action)
{
	(void)a, (void)s, (void)unused;
	deliver_to(&asked, *m, NULL);
	CHECK_FCT(fd_msg_new_answer_from_req(fd_g_config->cnf_dict, m, 0));
	CHECK_FCT(fd_msg_rescode_set(*m, "DIAMETER_LIMITED_SUCCESS", NULL, NULL, 1));
	*action = DISP_ACT_SEND;
	return 0;
}

/* names_failure tells whether an answer has a Failed-AVP. freeDiameter looks for all members that a group must have inside
 * of it, too, although RFC 6733 section 7.5 has there the one that failed and nothing else; having complained, it passes
 * the answer on. */
static int names_failure(struct msg *m)
{
	struct avp *a = NULL;
	struct avp_hdr *header;

	fd_msg_browse(m, MSG_BRW_FIRST_CHILD, &a, NULL);
	for (; a; fd_msg_browse(a, MSG_BRW_NEXT, &a, NULL))
		if (!fd_msg_avp_hdr(a, &header) && header->avp_code == FAILED_AVP && !header->avp_vendor)
			return 1;
	return 0;
}

static void on_hook(enum fd_hook_type type, struct msg *m, struct peer_hdr *peer, void *other,
	struct fd_hook_permsgdata *pmd, void *unused)
{
	struct msg_hdr *header;
	(void)peer, (void)pmd, (void)unused;
	switch (type) {
	case HOOK_MESSAGE_RECEIVED:
		fd_msg_hdr(m, &header);
		if (header->msg_code == DWR && header->msg_flags & CMD_FLAG_REQUEST) {
			pthread_mutex_lock(&lock);
			watchdogs++;
			pthread_cond_signal(&changed);
			pthread_mutex_unlock(&lock);
		}
		/* With the DPA the gateway is done. How freeDiameter would end is no concern of the tests: it gives its threads
		 * 20 ms to leave their queues and aborts otherwise. */
		if (header->msg_code == DPA && !(header->msg_flags & CMD_FLAG_REQUEST))
			_exit(0);
		break;
	case HOOK_PEER_CONNECT_SUCCESS:
		deliver(m, NULL);
		break;
	case HOOK_MESSAGE_PARSING_ERROR:
		if (!m)
			deliver(NULL, "a message without structure");
		else if (!names_failure(m))
			deliver(NULL, other);
		break;
	default:
		deliver(NULL, other);
	}
}

/* take waits for text or, if watchdog is set, a DWR, and prints it. */
static void take(FILE *out, char **waiting, int watchdog)
{
	struct timespec until;
	int late = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	pthread_mutex_lock(&lock);
	while (!*waiting && !(watchdog && watchdogs) && !late)
		late = pthread_cond_timedwait(&changed, &lock, &until);
	fputs(*waiting ? *waiting : late ? "error timeout\n" : "DWR\n", out);
	fputs(".\n", out);
	fflush(out);
	free(*waiting);
	*waiting = NULL;
	pthread_mutex_unlock(&lock);
}

/* Text to requests */

static void die(const char *why, const char *line)
{
	fprintf(stderr, "gateway: %s: %s\n", why, line);
	exit(1);
}

static void set_value(struct avp *a, enum dict_avp_basetype type, char *text)
{
	union avp_value v;
	unsigned char time_value[4];
	unsigned long long number = strtoull(text, NULL, 10);

	memset(&v, 0, sizeof v);
	switch (type) {
	case AVP_TYPE_INTEGER32: v.i32 = atoi(text); break;
	case AVP_TYPE_INTEGER64: v.i64 = atoll(text); break;
	case AVP_TYPE_UNSIGNED32: v.u32 = number; break;
	case AVP_TYPE_UNSIGNED64: v.u64 = number; break;
	case AVP_TYPE_OCTETSTRING:
		if (*text == '"') {
			v.os.data = (unsigned char *)text + 1;
			v.os.len = strlen(text) - 2;
			break;
		}
		time_value[0] = number >> 24, time_value[1] = number >> 16, time_value[2] = number >> 8, time_value[3] = number;
		v.os.data = time_value;
		v.os.len = sizeof time_value;
		break;
	default: die("no value can have this type", text);
	}
	CHECK_FCT_DO(fd_msg_avp_setvalue(a, &v), die("value refused", text));
}

/* add appends the AVP of a line to the group that its indentation says. */
static void add(msg_or_avp *groups[], char *line)
{
	struct dict_object *model;
	struct dict_avp_data data;
	struct avp *a;
	size_t depth = strspn(line, " ") / 2;
	char *name = line + 2 * depth, *value = strchr(name, ' ');

	if (depth >= MAX_DEPTH - 1 || !groups[depth])
		die("indentation", line);
	if (value)
		*value++ = 0;
	CHECK_FCT_DO(fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_NAME_ALL_VENDORS, name, &model, ENOENT), die("AVP unknown", name));
	fd_dict_getval(model, &data);
	CHECK_FCT_DO(fd_msg_avp_new(model, 0, &a), die("AVP", name));
	if (value)
		set_value(a, data.avp_basetype, value);
	CHECK_FCT_DO(fd_msg_avp_add(groups[depth], MSG_BRW_LAST_CHILD, a), die("AVP", name));
	memset(&groups[depth + 1], 0, (MAX_DEPTH - depth - 1) * sizeof groups[0]);
	if (data.avp_basetype == AVP_TYPE_GROUPED)
		groups[depth + 1] = a;
}

/* request sends the CCR whose AVPs follow. */
static void request(FILE *in)
{
	struct dict_object *command;
	struct msg *m;
	msg_or_avp *groups[MAX_DEPTH] = { NULL };
	char *line = NULL;
	size_t size = 0;

	CHECK_FCT_DO(fd_dict_search(fd_g_config->cnf_dict, DICT_COMMAND, CMD_BY_NAME, "Credit-Control-Request", &command, ENOENT), die("no dictionary of", "CCR"));
	CHECK_FCT_DO(fd_msg_new(command, MSGFL_ALLOC_ETEID, &m), die("no new", "CCR"));
	groups[0] = m;
	while (getline(&line, &size, in) > 0 && strcmp(line, ".\n")) {
		line[strcspn(line, "\n")] = 0;
		add(groups, line);
	}
	free(line);
	CHECK_FCT_DO(fd_msg_send(&m, on_answer, NULL), die("not sent", "CCR"));
}

static void *serve(void *unused)
{
	FILE *in = fdopen(REQUESTS, "r"), *out = fdopen(ANSWERS, "w");
	char *line = NULL;
	size_t size = 0;

	if (!in || !out)
		die("descriptors 3 and 4 must be open", "start");
	take(out, &answer, 0);
	while (getline(&line, &size, in) > 0) {
		int watchdog = !strcmp(line, "watchdog\n"), of_server = !strcmp(line, "request\n");
		if (!strcmp(line, "CCR\n"))
			request(in);
		else if ((!watchdog && !of_server) || getline(&line, &size, in) <= 0)
			die("line not understood", line);
		take(out, of_server ? &asked : &answer, watchdog);
	}
	free(line);
	fclose(out);
	fd_core_shutdown();
	return unused;
}

static int gateway(char *configuration)
{
	static struct fd_hook_hdl *hook;
	pthread_t thread;
	uint32_t hooks = HOOK_MASK(HOOK_MESSAGE_RECEIVED, HOOK_PEER_CONNECT_SUCCESS, HOOK_PEER_CONNECT_FAILED,
		HOOK_MESSAGE_PARSING_ERROR, HOOK_MESSAGE_ROUTING_ERROR, HOOK_MESSAGE_DROPPED);
	struct dict_object *application;
	struct disp_when when = { 0 };
	(void)configuration;

	CHECK_FCT(fd_dict_search(fd_g_config->cnf_dict, DICT_APPLICATION, APPLICATION_BY_NAME, "Diameter Credit Control Application", &application, ENOENT));
	CHECK_FCT(fd_disp_app_support(application, NULL, 1, 0));
	when.app = application;
	CHECK_FCT(fd_dict_search(fd_g_config->cnf_dict, DICT_COMMAND, CMD_BY_NAME, "Re-Auth-Request", &when.command, ENOENT));
	CHECK_FCT(fd_disp_register(on_request, DISP_HOW_CC, &when, NULL, NULL));
	CHECK_FCT(fd_hook_register(hooks, on_hook, NULL, NULL, &hook));
	CHECK_POSIX(pthread_create(&thread, NULL, serve, NULL));
	return pthread_detach(thread);
}

EXTENSION_ENTRY("gateway", gateway, "dict_dcca_3gpp");
