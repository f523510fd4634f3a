/*
 * Where the UEFI application finds its boot set on a network: URLs and addresses in device paths and in DHCPv6, and files
 * by the firmware's HTTP client, of which a fake one plays all the answers that there may be.
 *
 * flags: -fshort-wchar -DGNU_EFI_USE_MS_ABI -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
 * sources: boot/app/devpath.c boot/app/http.c boot/app/url.c lib/string.c
 */
#include "boot/app/app.h"
#include "boot/app/devpath.h"
#include "boot/app/http.h"
#include "boot/app/httpdef.h"
#include "boot/app/url.h"
#include "lib/string.h"
#include "tests/host/harness.h"

/* --- URLs -------------------------------------------------------------------------------------------- */

static char text[600];

static const char *directory_of(const char *url)
{
	memcpy(text, url, strlen(url) + 1);
	return url_directory(text) ? text : "none";
}

TEST(a_url_s_directory)
{
	CHECK_STR(directory_of("http://10.0.2.2:80/a/b/plinth.efi"), "http://10.0.2.2:80/a/b/");
	CHECK_STR(directory_of("HTTPS://host/plinth.efi?x=/y#/z"), "HTTPS://host/");
	CHECK_STR(directory_of("http://[fec0::2]/x/"), "http://[fec0::2]/x/");
	CHECK_STR(directory_of("http://host"), "none");
	CHECK_STR(directory_of("http:///x"), "none");
	CHECK_STR(directory_of("http:///x/y"), "none");
	CHECK_STR(directory_of("tftp://host/x"), "none");
	CHECK_STR(directory_of("http"), "none");
	CHECK_STR(directory_of(""), "none");
}

TEST(files_of_a_directory)
{
	char out[40];

	CHECK(url_join("http://h/", "sub/a-b._~9", out, sizeof(out)));
	CHECK_STR(out, "http://h/sub/a-b._~9");
	CHECK(url_join("http://h/", "a%20+#?\x7f", out, sizeof(out)));
	CHECK_STR(out, "http://h/a%2520%2B%23%3F%7F");
	CHECK(url_join("http://h/", "ab", out, 12));
	CHECK(!url_join("http://h/", "abc", out, 12));
	CHECK(url_join("http://h/", "%", out, 13));
	CHECK(!url_join("http://h/", "%", out, 12));
	CHECK(!url_join("http://h/", "", out, 9));
}

TEST(a_url_s_host)
{
	char out[8];

	CHECK(url_host("http://h:80/x", out, sizeof(out)));
	CHECK_STR(out, "h:80");
	CHECK(url_host("https://1234567", out, sizeof(out)));
	CHECK(!url_host("http://12345678/", out, sizeof(out)));
	CHECK(!url_host("http:///", out, sizeof(out)));
	CHECK(!url_host("ftp://h/", out, sizeof(out)));
}

/* The address as eight groups, then the directory. */
static const char *tftp6(const char *url)
{
	static const char digits[] = "0123456789abcdef";
	char directory[16];
	u8 a[16];
	size_t n = 0;

	if (!url_tftp6(url, a, directory, sizeof(directory)))
		return "none";
	for (int i = 0; i < 16; i++) {
		text[n++] = digits[a[i] >> 4];
		text[n++] = digits[a[i] & 0xf];
	}
	text[n++] = ' ';
	memcpy(text + n, directory, strlen(directory) + 1);
	return text;
}

TEST(tftp_by_ipv6)
{
	CHECK_STR(tftp6("tftp://[fec0::2]/d/plinth.efi"), "fec00000000000000000000000000002 d/");
	CHECK_STR(tftp6("TFTP://[1:22:333:4444:AbCd:0:7:8]/x;mode=octet"),
		  "0001002203334444abcd000000070008 ");
	CHECK_STR(tftp6("tftp://[::]/x"), "00000000000000000000000000000000 ");
	CHECK_STR(tftp6("tftp://[::1]/x"), "00000000000000000000000000000001 ");
	CHECK_STR(tftp6("tftp://[2001:db8::]/x"), "20010db8000000000000000000000000 ");
	CHECK_STR(tftp6("tftp://[1:2:3:4:5:6:7::]/x"), "00010002000300040005000600070000 ");
	CHECK_STR(tftp6("tftp://[1:2:3:4:5:6:7:8::]/x"), "none");
	CHECK_STR(tftp6("tftp://[1:2:3:4:5:6:7]/x"), "none");
	CHECK_STR(tftp6("tftp://[1:2:3:4:5:6:7:8:9]/x"), "none");
	CHECK_STR(tftp6("tftp://[1::2::3]/x"), "none");
	CHECK_STR(tftp6("tftp://[:::1]/x"), "none");
	CHECK_STR(tftp6("tftp://[1:::2]/x"), "none");
	CHECK_STR(tftp6("tftp://[:1]/x"), "none");
	CHECK_STR(tftp6("tftp://[1:]/x"), "none");
	CHECK_STR(tftp6("tftp://[12345::]/x"), "none");
	CHECK_STR(tftp6("tftp://[::g]/x"), "none");
	CHECK_STR(tftp6("tftp://[]/x"), "none");
	CHECK_STR(tftp6("tftp://[::1"), "none");
	CHECK_STR(tftp6("tftp://[::1]"), "none");
	CHECK_STR(tftp6("tftp://10.0.0.1/x"), "none");
	CHECK_STR(tftp6("tftp://[::1]/1234567890123456/x"), "none");
}

TEST(the_boot_file_in_dhcpv6)
{
	const u8 options[] = { 0, 1, 0, 2, 9, 9, 0, 59, 0, 3, 'a', 'b', 'c', 0, 59, 0, 1, 'x' };
	const u8 cut[] = { 0, 59, 0, 4, 'a', 'b', 'c' }, empty[] = { 0, 59, 0, 0 };
	const u8 ended[] = { 0, 0, 0, 0, 0, 59, 0, 1, 'x' };
	char out[4];

	CHECK(url_in_dhcp6(options, sizeof(options), out, sizeof(out)));
	CHECK_STR(out, "abc");
	CHECK(!url_in_dhcp6(options, sizeof(options), out, 3));
	CHECK(!url_in_dhcp6(options, 9, out, sizeof(out)));
	CHECK(!url_in_dhcp6(cut, sizeof(cut), out, sizeof(out)));
	CHECK(!url_in_dhcp6(empty, sizeof(empty), out, sizeof(out)));
	CHECK(!url_in_dhcp6(ended, sizeof(ended), out, sizeof(out)));
	CHECK(!url_in_dhcp6(options, 0, out, sizeof(out)));
}

/* --- device paths ------------------------------------------------------------------------------------- */

static u8 path[1024];
static size_t path_len;

static void node(u8 type, u8 subtype, const void *body, size_t n)
{
	path[path_len++] = type;
	path[path_len++] = subtype;
	path[path_len++] = (u8)(n + 4);
	path[path_len++] = (u8)((n + 4) >> 8);
	memcpy(path + path_len, body, n);
	path_len += n;
}

/* A network card's path, of IPv4 or IPv6, with that URL. */
static void net_path(bool ipv6, const char *url, size_t url_length)
{
	u8 v4[23] = { 10, 0, 2, 15, [19] = 255, 255, 254 }, v6[56] = { 0xfe, 0xc0, [15] = 7 };

	path_len = 0;
	node(3, 11, "\x52\x54\0\x12\x34\x56", 6);
	if (ipv6)
		node(3, 13, v6, sizeof(v6));
	else
		node(3, 12, v4, sizeof(v4));
	node(3, 24, url, url_length);
	node(3, 31, "\0\0\0\0\0", 5);
	node(0x7f, 0xff, "", 0);
}

TEST(urls_in_device_paths)
{
	static char long_url[DEVPATH_URL];
	struct devpath_net net;

	net_path(false, "http://h/x", 10);
	CHECK(devpath_net(path, path_len, &net));
	CHECK_STR(net.url, "http://h/x");
	CHECK(!net.ipv6 && net.local[0] == 10 && net.local[3] == 15);
	CHECK(net.mask[0] == 255 && net.mask[2] == 254 && !net.mask[3]);
	for (size_t n = 0; n < path_len; n++)
		CHECK(!devpath_net(path, n, &net));
	net_path(true, "http://h/x", 11); /* with its NUL */
	CHECK(devpath_net(path, path_len, &net));
	CHECK_STR(net.url, "http://h/x");
	CHECK(net.ipv6 && net.local[0] == 0xfe && net.local[15] == 7);
	net_path(true, "", 0);
	CHECK(!devpath_net(path, path_len, &net));
	memset(long_url, 'x', sizeof(long_url));
	net_path(false, long_url, sizeof(long_url) - 1);
	CHECK(devpath_net(path, path_len, &net));
	CHECK_EQ(strlen(net.url), sizeof(long_url) - 1);
	net_path(false, long_url, sizeof(long_url));
	CHECK(!devpath_net(path, path_len, &net));
	path_len = 0;
	node(3, 12, "\1\2", 2); /* an old one, short */
	node(3, 24, "u", 1);
	node(0x7f, 0xff, "", 0);
	CHECK(devpath_net(path, path_len, &net));
	CHECK(net.local[0] == 1 && !net.local[3] && !net.mask[0]);
}

/* --- the firmware's HTTP client ----------------------------------------------------------------------- */

struct app app;

static EFI_LOADED_IMAGE loaded = { .DeviceHandle = &loaded };
static EFI_BOOT_SERVICES boot_services;
static EFI_SERVICE_BINDING fake_binding;
static struct http_protocol fake;

/* What the server answers. */
static u32 status_code;
static const char *length_value; /* NULL: no such header */
static const char *content;
static size_t piece;           /* of the body, in one call */
static EFI_STATUS body_status; /* of each such call */
static bool silent;            /* it says nothing */

static int children, events, pools;
static size_t sent;
static bool timer_set, cancelled;
static struct http_token *waiting;
static char asked[600], host[64];
static struct http_config config;
static u8 local[18];

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, EFI_GUID *guid, void **out)
{
	static const u32 path_guid = 0x9576e91, binding_guid = 0xbdc8e6af;

	if (guid->Data1 == path_guid)
		*out = path;
	else if (guid->Data1 == binding_guid)
		*out = &fake_binding;
	else
		*out = &fake;
	return handle ? EFI_SUCCESS : EFI_NOT_FOUND;
}

static EFI_STATUS EFIAPI locate_path(EFI_GUID *guid, EFI_DEVICE_PATH **at, EFI_HANDLE *handle)
{
	CHECK_EQ(guid->Data1, 0xbdc8e6af);
	CHECK((u8 *)*at == path);
	*handle = &fake;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI create_child(EFI_SERVICE_BINDING *self, EFI_HANDLE *child)
{
	CHECK(self == &fake_binding && !children);
	children++;
	*child = &fake;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI destroy_child(EFI_SERVICE_BINDING *self, EFI_HANDLE child)
{
	CHECK(self == &fake_binding && child == &fake);
	children--;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI create_event(UINT32 type, EFI_TPL tpl, EFI_EVENT_NOTIFY notify,
				      void *context, EFI_EVENT *event)
{
	(void)tpl;
	(void)notify;
	(void)context;
	events++;
	*event = type ? (EFI_EVENT)&timer_set : (EFI_EVENT)&events;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI close_event(EFI_EVENT event)
{
	CHECK(event);
	events--;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_timer(EFI_EVENT event, EFI_TIMER_DELAY kind, UINT64 units)
{
	CHECK(event == &timer_set && kind == TimerRelative && units == 300000000);
	timer_set = true;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI check_event(EFI_EVENT event)
{
	if (event == &timer_set)
		return silent ? EFI_SUCCESS : EFI_NOT_READY;
	return waiting ? EFI_NOT_READY : EFI_SUCCESS;
}

static EFI_STATUS EFIAPI free_pool(void *p)
{
	CHECK(p);
	pools--;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI configure(struct http_protocol *self, struct http_config *c)
{
	CHECK(self == &fake);
	config = *c;
	memcpy(local, c->point, c->ipv6 ? 18 : 12);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI request(struct http_protocol *self, struct http_token *token)
{
	const CHAR16 *url = token->message->request->url;
	size_t n = 0;

	CHECK(self == &fake && token->message->request->method == HTTP_GET);
	CHECK_STR((char *)token->message->headers[0].name, "Host");
	memcpy(host, token->message->headers[0].value,
	       strlen((char *)token->message->headers[0].value) + 1);
	do
		asked[n] = (char)url[n];
	while (url[n++]);
	waiting = token;
	token->status = EFI_SUCCESS;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI respond(struct http_protocol *self, struct http_token *token)
{
	static struct http_header headers[2];
	struct http_message *m = token->message;

	CHECK(self == &fake);
	waiting = token;
	if (m->response) {
		m->response->status = status_code;
		headers[0] = (struct http_header){ (CHAR8 *)"X", (CHAR8 *)"1" };
		headers[1] =
			(struct http_header){ (CHAR8 *)"Content-LENGTH", (CHAR8 *)length_value };
		m->headers = headers;
		m->header_count = length_value ? 2 : 1;
		pools += 1 + 2 * (int)m->header_count;
		token->status = status_code < HTTP_NOT_FOUND ? EFI_SUCCESS : EFIERR(35);
		return EFI_SUCCESS;
	}
	m->body_length = MIN(m->body_length, piece);
	memcpy(m->body, content + sent, m->body_length);
	sent += m->body_length;
	token->status = body_status;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI poll_once(struct http_protocol *self)
{
	CHECK(self == &fake && waiting);
	if (!silent)
		waiting = NULL;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI cancel(struct http_protocol *self, struct http_token *token)
{
	CHECK(self == &fake && token == waiting);
	cancelled = true;
	return EFI_SUCCESS;
}

/* A server that has "hello" and delivers it in pieces of two. */
static void set_up(bool ipv6)
{
	boot_services.HandleProtocol = (EFI_HANDLE_PROTOCOL)handle_protocol;
	boot_services.LocateDevicePath = (EFI_LOCATE_DEVICE_PATH)locate_path;
	boot_services.CreateEvent = create_event;
	boot_services.CloseEvent = close_event;
	boot_services.SetTimer = set_timer;
	boot_services.CheckEvent = check_event;
	boot_services.FreePool = free_pool;
	fake_binding = (EFI_SERVICE_BINDING){ create_child, destroy_child };
	fake = (struct http_protocol){ NULL, configure, request, cancel, respond, poll_once };
	app = (struct app){ .boot = &boot_services, .loaded = &loaded };
	status_code = HTTP_OK;
	length_value = "5";
	content = "hello";
	piece = 2;
	body_status = EFI_SUCCESS;
	silent = timer_set = cancelled = false;
	waiting = NULL;
	sent = 0;
	net_path(ipv6, "http://h:8/d/plinth.efi", 24);
	CHECK(http_found());
}

/* Nothing is left of it, whatever came of it. */
static EFI_STATUS read_file(char *out, u64 *size)
{
	EFI_STATUS status = http_read("bootset/a b", out, size);

	CHECK(!children && !events && !pools);
	return status;
}

TEST(a_file_by_http)
{
	char out[6] = "";
	u64 size = 5;

	set_up(false);
	CHECK_EQ(read_file(out, &size), EFI_SUCCESS);
	CHECK_STR(out, "hello");
	CHECK_EQ(size, 5);
	CHECK_STR(asked, "http://h:8/d/bootset/a%20b");
	CHECK_STR(host, "h:8");
	CHECK(config.version == HTTP_1_1 && !config.ipv6);
	CHECK(!memcmp(local, "\0\12\0\2\17\377\377\376\0", 9));
	set_up(true);
	size = 5;
	CHECK_EQ(read_file(out, &size), EFI_SUCCESS);
	CHECK(config.ipv6 && local[0] == 0xfe && local[15] == 7);
	set_up(false);
	length_value = "0";
	size = 5;
	CHECK_EQ(read_file(out, &size), EFI_SUCCESS);
	CHECK(!size && !sent);
}

TEST(answers_that_are_no_file)
{
	char out[6] = "";
	u64 size = 5;

	set_up(false);
	status_code = HTTP_NOT_FOUND;
	CHECK_EQ(read_file(out, &size), EFI_NOT_FOUND);
	status_code = HTTP_NOT_FOUND + 1;
	CHECK(EFI_ERROR(read_file(out, &size)));
	status_code = 9; /* a part */
	CHECK_EQ(read_file(out, &size), EFI_PROTOCOL_ERROR);
	status_code = HTTP_OK;
	length_value = NULL;
	CHECK_EQ(read_file(out, &size), EFI_PROTOCOL_ERROR);
	length_value = "five";
	CHECK_EQ(read_file(out, &size), EFI_PROTOCOL_ERROR);
	length_value = "6";
	CHECK_EQ(read_file(out, &size), EFI_BUFFER_TOO_SMALL);
	CHECK(!sent);
	length_value = "5";
	piece = 0;
	CHECK_EQ(read_file(out, &size), EFI_PROTOCOL_ERROR);
	piece = 2;
	body_status = EFIERR(104);
	CHECK_EQ(read_file(out, &size), EFIERR(104));
	CHECK_EQ(size, 5);
}

TEST(a_server_that_says_nothing)
{
	char out[6] = "";
	u64 size = 5;

	set_up(false);
	silent = true;
	CHECK_EQ(read_file(out, &size), EFI_TIMEOUT);
	CHECK(timer_set && cancelled);
}

TEST(not_from_an_http_server)
{
	set_up(false);
	net_path(false, "ftp://h/x", 9);
	CHECK(!http_found());
	net_path(false, "", 0);
	CHECK(!http_found());
	loaded.DeviceHandle = NULL;
	CHECK(!http_found());
	loaded.DeviceHandle = &loaded;
}
